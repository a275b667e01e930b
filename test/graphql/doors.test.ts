import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { test } from "node:test";
import { testServer } from "./platform.ts";

test("an artifact goes in as a stream and comes out the same", async (t) => {
  const server = await testServer(t);
  const bytes = randomBytes(3_000_000);
  const digest = createHash("sha256").update(bytes).digest("hex");
  const put = await fetch(`${server.url}/artifacts?digest=${digest}`, { method: "PUT", body: bytes });
  assert.equal(put.status, 201);
  assert.deepEqual(await put.json(), { digest, size: bytes.length });
  const got = await fetch(`${server.url}/artifacts/${digest}`);
  assert.equal(got.headers.get("content-length"), String(bytes.length));
  assert.ok(Buffer.from(await got.arrayBuffer()).equals(bytes));
});

test("artifact refusals: other bytes than announced, no digest, unknown", async (t) => {
  const server = await testServer(t);
  const other = await fetch(`${server.url}/artifacts?digest=${"0".repeat(64)}`, { method: "PUT", body: "x" });
  assert.equal(other.status, 400);
  assert.equal(((await other.json()) as { code: string }).code, "DIGEST_MISMATCH");
  assert.equal((await fetch(`${server.url}/artifacts/short`)).status, 400);
  const unknown = await fetch(`${server.url}/artifacts/${"1".repeat(64)}`);
  assert.equal(unknown.status, 404);
  const stranger = await fetch(`${server.url}/artifacts`, {
    method: "PUT",
    body: "x",
    headers: { authorization: "Bearer ann" },
  });
  assert.equal(stranger.status, 403);
});

test("liveness, readiness, metrics and the list of doors", async (t) => {
  let ready = true;
  const server = await testServer(t, {
    deps: { readiness: async () => ({ ready, checks: { warehouse: ready ? "ok" : "starting" } }) },
  });
  assert.equal((await fetch(`${server.url}/health/live`)).status, 200);
  assert.equal((await fetch(`${server.url}/health/ready`)).status, 200);
  ready = false;
  const response = await fetch(`${server.url}/health/ready`);
  assert.equal(response.status, 503);
  assert.deepEqual(await response.json(), { status: "not ready", checks: { warehouse: "starting" } });
  assert.match((await fetch(`${server.url}/metrics`)).headers.get("content-type") ?? "", /text\/plain/);
  const doors = (await (await fetch(`${server.url}/`)).json()) as Record<string, string>;
  assert.equal(doors.graphql, `${server.url}/graphql`);
  assert.match(doors.warehouse, /^http:\/\/reader@127\.0\.0\.1:8123\/millrace$/);
});

test("status tells administrators how to reach the warehouse, and nobody else", async (t) => {
  const server = await testServer(t);
  const status = async (headers: Record<string, string> = {}) => {
    const response = await fetch(`${server.url}/status`, { headers });
    assert.equal(response.headers.get("cache-control"), "no-store");
    return (await response.json()) as Record<string, unknown>;
  };
  const known = await status({ authorization: "Bearer ann" });
  assert.deepEqual(Object.keys(known), ["name", "version", "roles", "urls"]);
  assert.match(String(known.version), /^\d+\.\d+\.\d+/);
  assert.equal((known.urls as Record<string, string>).graphql, `${server.url}/graphql`);
  assert.deepEqual((await status()).warehouse, server.deps.warehouseAccess);
  const stranger = await fetch(`${server.url}/status`, { headers: { authorization: "nonsense" } });
  assert.equal(stranger.status, 401);
});

test("an unknown path is a coded 404 that carries a correlation id", async (t) => {
  const server = await testServer(t);
  const response = await fetch(`${server.url}/nothing?x=1`, { method: "DELETE" });
  assert.equal(response.status, 404);
  assert.match(response.headers.get("x-correlation-id") ?? "", /^[0-9a-f-]{36}$/);
  const { code, message } = (await response.json()) as { code: string; message: string };
  assert.equal(code, "NOT_FOUND");
  assert.match(message, /DELETE \/nothing;/);
});

test("GraphiQL is there in development only", async (t) => {
  const open = await testServer(t, { development: true });
  assert.match(await (await fetch(`${open.url}/graphiql`)).text(), /graphiql/i);
  const closed = await testServer(t);
  assert.equal((await fetch(`${closed.url}/graphiql`)).status, 404);
});

test("a page of another site changes nothing, whatever the door; one of ours may", async (t) => {
  const server = await testServer(t);
  const put = (origin: string) => fetch(`${server.url}/artifacts`, { method: "PUT", body: "x", headers: { origin } });
  const foreign = await put("https://elsewhere.example");
  assert.equal(foreign.status, 403);
  assert.equal(((await foreign.json()) as { code: string }).code, "FORBIDDEN");
  assert.equal((await put(server.url)).status, 201);
});
