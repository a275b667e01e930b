import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { encodeNodeId } from "../../graphql/node-id.ts";
import { runAudit } from "../../projections/audit.ts";
import { warehouseReads } from "../../projections/clickhouse/read/index.ts";
import { type Fixture, openFixture } from "../projections/clickhouse-fixture.ts";
import { until } from "../projections/snapshot.ts";
import { testServer } from "./platform.ts";
import { deployPayment, openShop } from "./shop.ts";

let fixture: Fixture;

before(async () => {
  fixture = await openFixture();
});
after(() => fixture.close());

const opened = async (t: Parameters<typeof testServer>[0]) => {
  const server = await testServer(t, { deps: { warehouse: warehouseReads(fixture.warehouse) } });
  await openShop(server);
  await deployPayment(server);
  return server;
};

const LINEAGE = `query ($of: ID!, $direction: LineageDirection!, $depth: Int) {
  lineage(of: $of, direction: $direction, depth: $depth) {
    nodes { id kind slug } edges { from to relation detail } truncated
  }
}`;

type Answer = {
  lineage: { nodes: { id: string; kind: string; slug: string }[]; edges: { from: string; to: string }[] };
};

for (const jit of [0, 1]) {
  test(`lineage goes both ways from any node that it gave (jit ${jit})`, async (t) => {
    const server = await testServer(t, { jit, deps: { warehouse: warehouseReads(fixture.warehouse) } });
    await openShop(server);
    await deployPayment(server);
    const of = encodeNodeId("Deployment", "shop/payment");
    const { lineage: up } = await server.data<Answer>(LINEAGE, { of, direction: "UPSTREAM" });
    assert.deepEqual(
      up.nodes.map(({ kind, slug }) => `${kind} ${slug}`),
      ["DeploymentRevision payment/0", "ModelVersion payer/1", "EventSource orders"],
    );
    const source = up.nodes[2].id;
    assert.equal(source, encodeNodeId("EventSource", "shop/orders"));
    const { lineage: down } = await server.data<Answer>(LINEAGE, { of: source, direction: "DOWNSTREAM" });
    assert.deepEqual(
      down.nodes.map(({ kind, slug }) => `${kind} ${slug}`),
      ["EventSource orders", "DeploymentRevision payment/0"],
    );
    assert.deepEqual(down.edges[0], { ...down.edges[0], from: up.nodes[0].id, to: source });
  });
}

test("what has no lineage, or is asked too deep, is said so", async (t) => {
  const server = await opened(t);
  const code = async (of: string, depth = 5) =>
    (await server.ask(LINEAGE, { of, direction: "UPSTREAM", depth })).errors?.[0].extensions?.code;
  assert.equal(await code(encodeNodeId("Monitor", "shop/m")), "BAD_REQUEST");
  assert.equal(await code(encodeNodeId("ModelVersion", "shop/payer/9")), "NOT_FOUND");
  assert.equal(await code(encodeNodeId("Deployment", "shop/none")), "NOT_FOUND");
  assert.equal(await code(encodeNodeId("Deployment", "shop/payment"), 99), "BAD_REQUEST");
});

test("rows are told only of versions that a job has trained", async (t) => {
  const server = await opened(t);
  const query = "query ($version: ID!) { trainingRows(version: $version) { edges { node { key } } } }";
  const refused = await server.ask(query, { version: encodeNodeId("ModelVersion", "shop/payer/1") });
  assert.equal(refused.errors?.[0].extensions?.code, "NOT_FOUND");
  const other = await server.ask(query, { version: encodeNodeId("Deployment", "shop/payment") });
  assert.equal(other.errors?.[0].extensions?.code, "BAD_REQUEST");
});

test("the audit shows each record's hash; its head is the newest of them", async (t) => {
  const server = await opened(t);
  const { eventStore } = server.deps;
  const head = await eventStore.head();
  const stopping = new AbortController();
  let at = "0";
  const onPosition = (reached: string): void => {
    at = reached;
  };
  const { warehouse } = fixture;
  const done = runAudit({ eventStore, warehouse, signal: stopping.signal, lingerMs: 1, onPosition });
  await Promise.race([until(() => at === head), done]);
  stopping.abort();
  await done;
  type Audit = {
    audit: { edges: { node: { position: string; hash: string } }[] };
    auditHead: { hash: string; position: string };
  };
  const { audit, auditHead } = await server.data<Audit>(
    '{ audit(project: "shop", first: 100) { edges { node { position hash } } } auditHead(project: "shop") { position hash } }',
  );
  assert.match(auditHead.hash, /^[0-9a-f]{64}$/);
  assert.deepEqual(audit.edges.at(-1)?.node, auditHead);
});
