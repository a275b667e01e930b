import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeNodeId } from "../../graphql/node-id.ts";
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
