import assert from "node:assert/strict";
import { test } from "node:test";
import { localAdmin } from "../../commands/gate.ts";
import { encodeNodeId } from "../../graphql/node-id.ts";
import { documentAt, documentChanges } from "../../projections/documents/changes.ts";
import { until } from "../projections/snapshot.ts";
import { testServer } from "./platform.ts";
import { deployPayment, openShop } from "./shop.ts";

type Page = {
  history: {
    edges: {
      cursor: string;
      node: { type: string; actor: string; at: string; reason: string | null; changes: { path: string }[] };
    }[];
    pageInfo: { hasNextPage: boolean; endCursor: string };
  };
};

const HISTORY = `query ($of: ID!, $first: Int, $after: String) {
  history(of: $of, first: $first, after: $after) {
    edges { cursor node { type actor at reason changes { op path before after } } }
    pageInfo { hasNextPage endCursor }
  }
}`;

test("history tells every change with who, when, why and what; pages go on where they ended", async (t) => {
  const server = await testServer(t);
  await openShop(server);
  await deployPayment(server);
  const of = encodeNodeId("ModelVersion", "shop/payer/1");
  const { history: first } = await server.data<Page>(HISTORY, { of, first: 1 });
  assert.deepEqual(
    first.edges.map(({ node }) => node.type),
    ["ModelVersionCreated"],
  );
  assert.equal(first.pageInfo.hasNextPage, true);
  const { history: rest } = await server.data<Page>(HISTORY, { of, after: first.pageInfo.endCursor });
  const [{ node }] = rest.edges;
  assert.deepEqual([node.type, node.actor], ["ModelVersionApproved", "local-admin"]);
  assert.ok(node.changes.some(({ path }) => path === "/status"));
  assert.equal(rest.pageInfo.hasNextPage, false);
  const refused = await server.ask(HISTORY, { of, after: "nonsense" });
  assert.equal(refused.errors?.[0].extensions?.code, "BAD_REQUEST");
});

test("a diff between two moments; the version that answered then", async (t) => {
  const server = await testServer(t);
  await openShop(server);
  const before = new Date().toISOString();
  await deployPayment(server);
  const of = encodeNodeId("Deployment", "shop/payment");
  type Diff = { diff: { op: string; path: string }[] };
  const whole = await server.data<Diff>(
    "query ($of: ID!, $from: DateTime!) { diff(of: $of, from: $from) { op path } }",
    {
      of,
      from: before,
    },
  );
  assert.deepEqual(whole.diff, [{ op: "add", path: "" }]);
  const deployed = new Date(Date.now() + 1).toISOString();
  const none = await server.data<Diff>(
    "query ($of: ID!, $from: DateTime!) { diff(of: $of, from: $from) { op path } }",
    {
      of,
      from: deployed,
    },
  );
  assert.deepEqual(none.diff, []);
  const ANSWERING = `query ($at: DateTime) {
    answeringVersion(project: "shop", endpoint: "payment", entity: "c1", at: $at) {
      model version variant share revision modelVersion { status }
    }
  }`;
  const answered = await server.data<{ answeringVersion: unknown }>(ANSWERING, { at: deployed });
  const expected = { model: "payer", version: 1, variant: "champion", share: 1, revision: 0 };
  assert.deepEqual(answered.answeringVersion, { ...expected, modelVersion: { status: "approved" } });
  const earlier = await server.data<{ answeringVersion: unknown }>(ANSWERING, { at: before });
  assert.equal(earlier.answeringVersion, null);
});

test("what a document leads to is as of the same moment as the document", async (t) => {
  const server = await testServer(t);
  await openShop(server);
  await deployPayment(server);
  const { documents, eventStore } = server.deps;
  // Without a warehouse here, the past is folded.
  server.deps.documents = {
    ...documents,
    async get(collection, project, id, { asOf } = {}) {
      if (asOf === undefined) return documents.get(collection, project, id);
      return (await documentAt(eventStore, { collection, project, id }, asOf)) as never;
    },
  };
  const changes = await Array.fromAsync(documentChanges(eventStore, "modelVersions", "shop", "payer/1"));
  const approvedAt = changes[1].event.metadata.at;
  await until(() => Date.now() > approvedAt);
  const payload = { model: "payer", version: 1, description: "later" };
  const { position } = await server.deps.commands.dispatch({
    type: "DescribeModelVersion",
    project: "shop",
    payload,
    actor: localAdmin,
  });
  await documents.waitFor(position);
  const query = `query ($asOf: DateTime, $model: ID!) {
    model(project: "shop", id: "payer", asOf: $asOf) { versions { description } }
    node(id: $model, asOf: $asOf) { ... on Model { versions { description } } }
  }`;
  const ask = (asOf: number | null) => server.data(query, { asOf, model: encodeNodeId("Model", "shop/payer") });
  const described = (description: string) => ({ versions: [{ description }] });
  assert.deepEqual(await ask(approvedAt), { model: described(""), node: described("") });
  assert.deepEqual(await ask(null), { model: described("later"), node: described("later") });
});
