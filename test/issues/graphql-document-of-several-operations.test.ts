import assert from "node:assert/strict";
import { test } from "node:test";
import { testServer } from "../graphql/platform.ts";

const document = `
  query Kind { __typename }
  query Projects { projects { total } }
  mutation Create { createProject(input: { id: "shop", name: "Shop" }) { deduplicated } }`;

test("of a document with several operations the one that is named runs, however often the others ran before", async (t) => {
  const server = await testServer(t);
  const ask = async (operationName: string, method = "POST") => {
    const asked = { query: document, operationName };
    const response = await fetch(`${server.url}/graphql${method === "GET" ? `?${new URLSearchParams(asked)}` : ""}`, {
      method,
      headers: { "content-type": "application/json", "apollo-require-preflight": "true" },
      body: method === "GET" ? undefined : JSON.stringify(asked),
    });
    return [response.status, ((await response.json()) as { data?: unknown }).data];
  };
  for (const _ of [1, 2, 3]) assert.deepEqual(await ask("Kind"), [200, { __typename: "Query" }]);
  assert.deepEqual(await ask("Projects"), [200, { projects: { total: 0 } }]);
  assert.deepEqual(await ask("Create"), [200, { createProject: { deduplicated: false } }]);
  for (const _ of [1, 2, 3]) assert.deepEqual(await ask("Kind", "GET"), [200, { __typename: "Query" }]);
  assert.equal((await ask("Create", "GET"))[0], 405);
});

test("an operation that the document does not have is refused, also where the document is compiled", async (t) => {
  const server = await testServer(t);
  const ask = async (operationName: string | null): Promise<number> => {
    const response = await fetch(`${server.url}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ query: "query Kind { __typename }", operationName }),
    });
    return response.status;
  };
  for (const name of ["Kind", null, "Kind"]) assert.equal(await ask(name), 200);
  assert.equal(await ask("Other"), 400);
});
