import assert from "node:assert/strict";
import { test } from "node:test";
import { testServer } from "./platform.ts";
import { openShop } from "./shop.ts";

const codes = (errors: { extensions: Record<string, unknown> }[] | undefined): unknown[] =>
  (errors ?? []).map(({ extensions }) => extensions.code);

test("a refused command says its code, whether to retry, and the correlation id of the caller", async (t) => {
  const server = await testServer(t);
  const { errors, status, headers } = await server.ask(
    'mutation { registerModel(project: "nowhere", input: { id: "m" }) { position } }',
    {},
    { "x-correlation-id": "order-66" },
  );
  assert.equal(status, 200);
  assert.equal(headers.get("x-correlation-id"), "order-66");
  assert.equal(errors?.[0].extensions.code, "NOT_FOUND");
  assert.equal(errors?.[0].extensions.retryable, false);
  assert.equal(errors?.[0].extensions.correlationId, "order-66");
  assert.deepEqual(errors?.[0].path, ["registerModel"]);
});

test("the correlation id of the request is the one in the event", async (t) => {
  const server = await testServer(t);
  await server.ask(
    'mutation { createProject(input: { id: "shop", name: "Shop" }) { position } }',
    {},
    {
      "x-correlation-id": "abc-1",
    },
  );
  const { events } = await server.data<{ events: { edges: { node: { correlationId: string; type: string } }[] } }>(
    '{ events(project: "shop", first: 1) { edges { node { type correlationId data } } pageInfo { hasNextPage } } }',
  );
  assert.equal(events.edges[0].node.type, "ProjectCreated");
  assert.equal(events.edges[0].node.correlationId, "abc-1");
});

test("a payload that the command refuses names its field", async (t) => {
  const server = await testServer(t);
  const { errors } = await server.ask('mutation { createProject(input: { id: "No Slug", name: "x" }) { position } }');
  assert.deepEqual(codes(errors), ["BAD_REQUEST"]);
  assert.match(errors?.[0].message ?? "", /project: expected/);
});

for (const jit of [0, 1]) {
  test(`a defect keeps its words to itself outside development (jit ${jit})`, async (t) => {
    const broken = { readiness: async () => ({ ready: true, checks: {} }), documents: brokenDocuments() };
    const server = await testServer(t, { jit, deps: broken });
    for (let i = 0; i < 3; i++) {
      const { errors } = await server.ask('{ models(project: "shop") { edges { cursor } } }');
      assert.deepEqual(codes(errors), ["INTERNAL"]);
      assert.doesNotMatch(errors?.[0].message ?? "", /secret/);
    }
  });
}

const brokenDocuments = () => ({
  get: () => Promise.reject(new Error("secret")),
  list: () => Promise.reject(new Error("secret")),
  getMany: () => Promise.reject(new Error("secret")),
  waitFor: () => Promise.reject(new Error("secret")),
});

test("a defect speaks in development", async (t) => {
  const server = await testServer(t, { development: true, deps: { documents: brokenDocuments() } });
  const { errors } = await server.ask('{ model(project: "shop", id: "m") { slug } }');
  assert.equal(errors?.[0].message, "secret");
});

test("a query that nests too deeply is refused before it runs", async (t) => {
  const server = await testServer(t);
  const nested = "split { modelVersion { lineage { views { view } } } }";
  const deep = `{ deployments(project: "shop") { edges { node { ${nested} } } } }`;
  assert.equal((await server.ask(deep)).errors, undefined);
  const wrapped = Array.from({ length: 6 }).reduce<string>((inner) => `node { ${inner} }`, "cursor");
  const { status, errors } = await server.ask(`{ deployments(project: "shop") { edges { ${wrapped} } } }`);
  assert.equal(status, 400);
  assert.deepEqual(codes(errors), ["BAD_REQUEST"]);
});

test("a query that asks for too much is refused with its cost and the limit", async (t) => {
  const server = await testServer(t);
  const query =
    'query ($n: Int!) { models(project: "shop", first: $n) { edges { node { versions(first: 100) { model } } } } }';
  const { status, errors } = await server.ask(query, { n: 1000 });
  assert.equal(status, 400);
  assert.deepEqual(codes(errors), ["QUERY_TOO_COSTLY"]);
  const { cost, limit } = (errors ?? [])[0].extensions.details as { cost: number; limit: number };
  assert.ok(cost > limit, `${cost} > ${limit}`);
  assert.match(errors?.[0].message ?? "", new RegExp(`${cost}.*${limit}`));
  assert.equal((await server.ask(query, { n: 10 })).errors, undefined);
});

test("page sizes are bounded", async (t) => {
  const server = await testServer(t);
  const { errors } = await server.ask('{ models(project: "shop", first: 1001) { total } }');
  assert.deepEqual(codes(errors), ["BAD_REQUEST"]);
});

test("syntax, unknown fields, wrong variables and wrong bodies are the caller's errors", async (t) => {
  const server = await testServer(t);
  for (const query of ["{ models(", "{ nothing }", 'query ($n: Int!) { models(project: "s", first: $n) { total } }']) {
    const { status, errors } = await server.ask(query, { n: "many" });
    assert.equal(status, 400, query);
    assert.ok(
      codes(errors).every((code) => code === "BAD_REQUEST"),
      JSON.stringify(errors),
    );
  }
  for (const body of ["[]", '{"query": {"kind": "Document"}}', '{"query": "{ __typename }", "variables": []}', "{"]) {
    const response = await fetch(`${server.url}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
    });
    assert.equal(response.status, 400, body);
  }
});

test("a simple cross-site request is refused", async (t) => {
  const server = await testServer(t);
  const response = await fetch(`${server.url}/graphql?query={__typename}`);
  assert.equal(response.status, 400);
  const allowed = await fetch(`${server.url}/graphql?query={__typename}`, {
    headers: { "mercurius-require-preflight": "1" },
  });
  assert.deepEqual(await allowed.json(), { data: { __typename: "Query" } });
});

test("who is nobody is refused, who is a stranger may not read, a member may", async (t) => {
  const server = await testServer(t);
  await openShop(server);
  const models = '{ models(project: "shop") { total } }';
  const bad = await server.ask(models, {}, { authorization: "nonsense" });
  assert.equal(bad.status, 401);
  assert.deepEqual(codes(bad.errors), ["UNAUTHENTICATED"]);
  const ann = { authorization: "Bearer ann" };
  assert.deepEqual(codes((await server.ask(models, {}, ann)).errors), ["FORBIDDEN"]);
  assert.deepEqual((await server.ask("{ projects { edges { node { slug } } } }", {}, ann)).data, {
    projects: { edges: [] },
  });
  const { grantRole } = await server.data<{ grantRole: { position: string } }>(
    'mutation { grantRole(project: "shop", input: { member: "ann", role: Regular_User }) { position } }',
  );
  assert.deepEqual((await server.ask(models, {}, ann)).data, { models: { total: 0 } });
  const listed = await server.ask(
    "query ($at: String) { projects(afterPosition: $at) { edges { node { slug } } } }",
    { at: grantRole.position },
    ann,
  );
  assert.deepEqual(listed.data, { projects: { edges: [{ node: { slug: "shop" } }] } });
  const write = await server.ask(
    'mutation { registerModel(project: "shop", input: { id: "m" }) { position } }',
    {},
    ann,
  );
  assert.deepEqual(codes(write.errors), ["FORBIDDEN"]);
});

test("a failing warehouse is told as retryable", async (t) => {
  const server = await testServer(t);
  const { errors } = await server.ask('{ prediction(project: "shop", id: "x") { id } }');
  assert.deepEqual(codes(errors), ["WAREHOUSE_FAILED"]);
  assert.equal(errors?.[0].extensions.retryable, true);
});

test("a node id that is none is named", async (t) => {
  const server = await testServer(t);
  const { errors } = await server.ask('{ node(id: "!!!") { id } }');
  assert.deepEqual(codes(errors), ["BAD_REQUEST"]);
});
