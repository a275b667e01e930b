import assert from "node:assert/strict";
import { test } from "node:test";
import { serverAudits } from "graphql-http";
import { testServer } from "./platform.ts";

/** The audits send their GETs as any page could; a client says by a header that it is none. */
const fetchFn = (url: string, init: RequestInit = {}) => {
  const headers = new Headers(init.headers);
  if ((init.method ?? "GET") === "GET") headers.set("apollo-require-preflight", "true");
  return fetch(url, { ...init, headers });
};

test("every audit of GraphQL over HTTP passes", async (t) => {
  const server = await testServer(t);
  const audits = serverAudits({ url: `${server.url}/graphql`, fetchFn });
  assert.ok(audits.length >= 61);
  const failed: string[] = [];
  for (const { id, name, fn } of audits) {
    const result = await fn();
    if (result.status !== "ok") failed.push(`${id} ${name}: ${result.status} ${result.reason}`);
  }
  assert.deepEqual(failed, []);
});

type Body = { data?: unknown; errors?: { message: string; extensions: { code: string } }[] };

const JSON_TYPE = "application/json";
const RESPONSE = "application/graphql-response+json";

/** Status, content type and body of a POST of this body. */
const post = async (url: string, body: unknown, headers: Record<string, string> = {}) => {
  const response = await fetch(`${url}/graphql`, {
    method: "POST",
    headers: { "content-type": JSON_TYPE, ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  const type = response.headers.get("content-type")?.split(";")[0];
  return { status: response.status, type, body: (await response.json()) as Body };
};

test("the answer has the media type that was asked for, and a refusal the status that goes with it", async (t) => {
  const { url } = await testServer(t);
  const cases: [accept: string | undefined, type: string, refused: number][] = [
    [undefined, JSON_TYPE, 400],
    ["*/*", JSON_TYPE, 400],
    ["text/html", JSON_TYPE, 400],
    [JSON_TYPE, JSON_TYPE, 200],
    [RESPONSE, RESPONSE, 400],
    [`${RESPONSE},${JSON_TYPE};q=0.9`, RESPONSE, 400],
    [`${JSON_TYPE}, ${RESPONSE};q=0.5`, JSON_TYPE, 200],
  ];
  for (const [accept, type, refused] of cases) {
    const headers: Record<string, string> = accept === undefined ? {} : { accept };
    const good = await post(url, { query: "{ __typename }" }, headers);
    assert.deepEqual([good.status, good.type], [200, type], accept);
    const bad = await post(url, { query: "{ nothing }" }, headers);
    assert.deepEqual([bad.status, bad.type], [refused, type], accept);
    assert.equal("data" in bad.body, false);
    const malformed = await post(url, { query: 1 }, headers);
    assert.deepEqual([malformed.status, malformed.type], [400, JSON_TYPE === type ? JSON_TYPE : RESPONSE], accept);
  }
});

test("a GET needs a header that no foreign page sends, and its refusal names them", async (t) => {
  const { url } = await testServer(t);
  const get = async (query: string, headers: Record<string, string>) => {
    const response = await fetch(`${url}/graphql?${new URLSearchParams({ query })}`, { headers });
    return { status: response.status, allow: response.headers.get("allow"), body: (await response.json()) as Body };
  };
  const refused = await get("{ __typename }", {});
  assert.equal(refused.status, 400);
  assert.match(refused.body.errors?.[0].message ?? "", /apollo-require-preflight.*POST/);
  for (const name of ["apollo-require-preflight", "x-apollo-operation-name", "mercurius-require-preflight"]) {
    assert.equal((await get("{ __typename }", { [name]: "x" })).status, 200, name);
  }
  assert.equal((await get("{ __typename }", { "content-type": JSON_TYPE })).status, 200);
  const mutation = 'mutation { createProject(input: { id: "shop", name: "Shop" }) { revision } }';
  const changed = await get(mutation, { "apollo-require-preflight": "true" });
  assert.deepEqual([changed.status, changed.allow], [405, "POST"]);
  assert.equal(changed.body.errors?.[0].extensions.code, "METHOD_NOT_ALLOWED");
});

test("other methods and content types are refused in GraphQL's own form", async (t) => {
  const { url } = await testServer(t);
  for (const method of ["PUT", "DELETE", "PATCH"]) {
    const response = await fetch(`${url}/graphql`, { method });
    assert.deepEqual([response.status, response.headers.get("allow")], [405, "GET, POST"]);
    assert.equal(((await response.json()) as Body).errors?.[0].extensions.code, "METHOD_NOT_ALLOWED");
  }
  for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]) {
    const { status, body } = await post(url, "{}", { "content-type": type });
    assert.equal(status, 415, type);
    assert.equal(body.errors?.[0].extensions.code, "UNSUPPORTED_MEDIA_TYPE");
  }
});

test("a persisted query is answered so that Apollo's and urql's links send the text; with the text it runs", async (t) => {
  const { url } = await testServer(t);
  const extensions = { persistedQuery: { version: 1, sha256Hash: "0".repeat(64) } };
  const asked = { operationName: "Kind", variables: {}, extensions };
  for (const accept of [JSON_TYPE, RESPONSE]) {
    const { status, body } = await post(url, asked, { accept });
    const [{ message, extensions: told }] = body.errors ?? [];
    assert.deepEqual(
      [status, message, told.code],
      [200, "PersistedQueryNotSupported", "PERSISTED_QUERY_NOT_SUPPORTED"],
    );
  }
  const withText = await post(url, { ...asked, query: "query Kind { __typename }" });
  assert.deepEqual(withText.body, { data: { __typename: "Query" } });
});

test("a batch is refused as a whole, in one answer that says what to send", async (t) => {
  const { url } = await testServer(t);
  const { status, body } = await post(url, [{ query: "{ __typename }" }]);
  assert.equal(status, 400);
  assert.match(body.errors?.[0].message ?? "", /batch.*each operation in a request of its own/);
});
