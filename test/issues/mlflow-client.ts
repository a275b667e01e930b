import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { testServer } from "../graphql/platform.ts";

export type Json = Record<string, unknown>;

/** MLflow's calls to a server of its own. A path without a slash at its beginning is below `/api/2.0/mlflow/`. */
export const mlflowServer = async (t: TestContext) => {
  const server = await testServer(t);
  const call = async (
    method: string,
    path: string,
    input?: object | string,
  ): Promise<{ status: number; body: Json }> => {
    const url = new URL(server.url + (path.startsWith("/") ? path : `/api/2.0/mlflow/${path}`));
    if (method === "GET")
      for (const [key, value] of Object.entries(input ?? {})) url.searchParams.set(key, String(value));
    const body =
      method === "GET" || input === undefined
        ? {}
        : { body: typeof input === "string" ? input : JSON.stringify(input) };
    const response = await fetch(url, { method, headers: { "content-type": "application/json" }, ...body });
    const text = await response.text();
    return { status: response.status, body: text.startsWith("{") ? (JSON.parse(text) as Json) : { text } };
  };
  /** The body of a call that succeeds. */
  const ok = async (method: string, path: string, input?: object | string): Promise<Json> => {
    const { status, body } = await call(method, path, input);
    assert.equal(status, 200, `${method} ${path}: ${JSON.stringify(body)}`);
    return body;
  };
  const refused = async (method: string, path: string, input: object, status: number, code: string): Promise<void> => {
    const answer = await call(method, path, input);
    assert.deepEqual([answer.status, answer.body.error_code], [status, code], JSON.stringify(answer.body));
  };
  return { ...server, call, ok, refused };
};

export const runInfo = (answer: Json): Json => (answer.run as { info: Json }).info;
