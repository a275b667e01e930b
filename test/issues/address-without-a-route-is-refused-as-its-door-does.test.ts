import assert from "node:assert/strict";
import { test } from "node:test";
import { testServer } from "../graphql/platform.ts";

type Body = Record<string, unknown>;

/** What tells the doors' forms apart. */
const forms: [door: string, isForm: (body: Body) => boolean][] = [
  ["/graphql", ({ errors }) => Array.isArray(errors)],
  ["/topics", ({ error_code, code }) => error_code === 400 && code === "BAD_REQUEST"],
  ["/registry", (body) => body.error_code === 400 && Object.keys(body).join() === "error_code,message"],
  ["/api/2.0/mlflow", ({ error_code }) => error_code === "INVALID_PARAMETER_VALUE"],
  ["/projects/shop/api/2.0/mlflow", ({ error_code }) => error_code === "INVALID_PARAMETER_VALUE"],
  ["/artifacts", ({ error_code, code }) => error_code === 400 && code === "BAD_REQUEST"],
];

test("an address that leads to no route for its bytes is refused in the form of the door that it was meant for", async (t) => {
  const server = await testServer(t);
  for (const [door, isForm] of forms) {
    const response = await fetch(`${server.url}${door}/%zz`);
    const body = (await response.json()) as Body;
    assert.equal(response.status, 400, door);
    assert.ok(isForm(body), `${door}: ${JSON.stringify(body)}`);
  }
});

test("a part of an address that is too long is called that", async (t) => {
  const server = await testServer(t);
  const response = await fetch(`${server.url}/registry/subjects/${"x".repeat(300)}/versions`);
  const { message } = (await response.json()) as { message: string };
  assert.equal(response.status, 400);
  assert.match(message, /longer than 256 characters/);
});
