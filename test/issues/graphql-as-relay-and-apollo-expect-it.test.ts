import assert from "node:assert/strict";
import { test } from "node:test";
import { type Answer, type TestServer, testServer } from "../graphql/platform.ts";

const models = ["a", "b", "c", "d", "e"];

const shop = async (...given: Parameters<typeof testServer>): Promise<TestServer> => {
  const server = await testServer(...given);
  await server.data('mutation { createProject(input: { id: "shop", name: "Shop" }) { position } }');
  for (const id of models) {
    await server.data('mutation ($id: ID!) { registerModel(project: "shop", input: { id: $id }) { model { slug } } }', {
      id,
    });
  }
  return server;
};

type List = {
  edges: { cursor: string; node: { slug: string } }[];
  pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; startCursor: string; endCursor: string };
};

const list = async (server: TestServer, args: string): Promise<[slugs: string, back: boolean, on: boolean, List]> => {
  const { models } = await server.data<{ models: List }>(`{ models(project: "shop"${args}) {
    edges { cursor node { slug } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }`);
  const { hasPreviousPage, hasNextPage } = models.pageInfo;
  return [models.edges.map(({ node }) => node.slug).join(""), hasPreviousPage, hasNextPage, models];
};

const codeOf = ({ errors }: Answer): unknown => errors?.[0].extensions.code;

test("a list is read from its end by last and before, in its own order", async (t) => {
  const server = await shop(t);
  const read = async (args: string) => (await list(server, args)).slice(0, 3);
  const [, , , { edges, pageInfo }] = await list(server, ", last: 2");
  assert.deepEqual([pageInfo.startCursor, pageInfo.endCursor], [edges[0].cursor, edges[1].cursor]);
  assert.deepEqual(await read(", last: 2"), ["de", true, false]);
  const before = `, before: ${JSON.stringify(pageInfo.startCursor)}`;
  assert.deepEqual(await read(`, last: 2${before}`), ["bc", true, true]);
  assert.deepEqual(await read(`, last: 9${before}`), ["abc", false, true]);
  assert.deepEqual(await read(before), ["abc", false, true]);
  assert.deepEqual(await read(", last: 2, reverse: true"), ["ba", true, false]);
  assert.deepEqual(await read(", first: 2"), ["ab", false, true]);
  for (const args of ["first: 1, last: 1", 'first: 1, before: "x"', 'last: 1, after: "x"', "last: 0", "last: 1001"]) {
    assert.equal(codeOf(await server.ask(`{ models(project: "shop", ${args}) { total } }`)), "BAD_REQUEST", args);
  }
});

test("the size of a page from the end counts for the cost as that from the beginning", async (t) => {
  const server = await testServer(t);
  const query = '{ models(project: "shop", last: 1000) { edges { node { versions(first: 100) { slug } } } } }';
  assert.equal(codeOf(await server.ask(query)), "QUERY_TOO_COSTLY");
});

for (const jit of [0, 1]) {
  test(`nodes answers null for each id that is none, unknown or not to be read (jit ${jit})`, async (t) => {
    const server = await shop(t, { jit });
    const { model } = await server.data<{ model: { id: string } }>('{ model(project: "shop", id: "a") { id } }');
    const id = (text: string): string => Buffer.from(text).toString("base64");
    const ids = [model.id, "nonsense", id("Nothing:shop/a"), id("Model:shop/none"), id("Model:elsewhere/a"), model.id];
    const query = "query ($ids: [ID!]!) { nodes(ids: $ids) { id ... on Model { slug } } }";
    const expected = [{ id: model.id, slug: "a" }, null, null, null, null, { id: model.id, slug: "a" }];
    for (const _ of [1, 2, 3])
      assert.deepEqual((await server.data<{ nodes: unknown }>(query, { ids })).nodes, expected);
    const stranger = await server.ask(query, { ids: [model.id] }, { authorization: "Bearer ann" });
    assert.deepEqual([stranger.errors, stranger.data], [undefined, { nodes: [null] }]);
    assert.equal(codeOf(await server.ask('{ node(id: "nonsense") { id } }')), "BAD_REQUEST");
  });
}

test("a position that no log has is refused at once, not waited for", async (t) => {
  const server = await shop(t);
  const started = Date.now();
  for (const position of ["", "x", "-1", "1.5", "007", "1e3", "99999999999999999999", " 1"]) {
    const answer = await server.ask('query ($at: String) { models(project: "shop", afterPosition: $at) { total } }', {
      at: position,
    });
    assert.equal(codeOf(answer), "BAD_REQUEST", position);
    assert.match(answer.errors?.[0].message ?? "", /afterPosition/);
    const events = await server.ask('query ($at: String) { events(project: "shop", after: $at) { total } }', {
      at: position,
    });
    assert.equal(codeOf(events), "BAD_REQUEST", position);
  }
  assert.ok(Date.now() - started < 4_000);
});

test("ids are of the type ID, and take variables that are declared as String, too", async (t) => {
  const server = await shop(t);
  const typeOf = async (type: string, field: string): Promise<unknown> => {
    const { __type } = await server.data<{ __type: { fields: { name: string; type: object; args: object[] }[] } }>(
      `{ __type(name: "${type}") { fields { name type { ofType { name } } args { name type { ofType { name } } } } } }`,
    );
    return __type.fields.find(({ name }) => name === field);
  };
  const isId = { ofType: { name: "ID" } };
  for (const type of ["Model", "Prediction", "LifecycleEvent"]) {
    assert.deepEqual(((await typeOf(type, "id")) as { type: object }).type, isId, type);
  }
  const { args } = (await typeOf("Query", "model")) as { args: { name: string; type: object }[] };
  assert.deepEqual(args.find(({ name }) => name === "id")?.type, isId);
  for (const declared of ["ID!", "String!"]) {
    const query = `query ($id: ${declared}) { model(project: "shop", id: $id) { slug } }`;
    for (const _ of [1, 2, 3]) assert.deepEqual(await server.data(query, { id: "b" }), { model: { slug: "b" } });
    const project = `query ($p: ${declared}) { models(project: $p) { total } }`;
    assert.deepEqual(await server.data(project, { p: "shop" }), { models: { total: 5 } });
    // One variable for an ID and for a text.
    const both = `mutation ($p: ${declared}) { createProject(input: { id: $p, name: $p }) { position } }`;
    for (const p of ["x", "y", "z"].map((name) => `${name}${declared[0].toLowerCase()}`)) {
      const { createProject } = await server.data<{ createProject: { position: string } }>(both, { p });
      assert.ok(createProject.position);
      assert.deepEqual(await server.data("query ($id: ID!) { project(id: $id) { name } }", { id: p }), {
        project: { name: p },
      });
    }
  }
  const other = await server.ask('query ($id: Int!) { model(project: "shop", id: $id) { slug } }', { id: 1 });
  assert.equal(codeOf(other), "BAD_REQUEST");
});
