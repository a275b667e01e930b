import assert from "node:assert/strict";
import { test } from "node:test";
import { drift, spending } from "../commands/samples.ts";
import { type TestServer, testServer } from "./platform.ts";
import { deployPayment, openShop } from "./shop.ts";

const registerMany = async (server: TestServer, count: number): Promise<void> => {
  for (let i = 0; i < count; i++) {
    await server.data(
      'mutation ($id: String!) { registerModel(project: "shop", input: { id: $id }) { model { slug } } }',
      {
        id: `m${String(i).padStart(3, "0")}`,
      },
    );
  }
};

type Models = {
  models: {
    edges: { cursor: string; node: { slug: string } }[];
    pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; startCursor: string; endCursor: string };
    total: number;
  };
};

for (const jit of [0, 1]) {
  const mode = jit === 0 ? "interpreted" : "compiled";

  test(`${mode}: pages neither skip nor repeat, in every order and both directions`, async (t) => {
    const server = await testServer(t, { jit });
    await openShop(server);
    await registerMany(server, 7);
    const query = `query ($after: String, $order: Order, $reverse: Boolean) {
      models(project: "shop", first: 3, after: $after, order: $order, reverse: $reverse) {
        edges { cursor node { slug } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } total
      }
    }`;
    const names = Array.from({ length: 7 }, (_, i) => `m00${i}`);
    for (const order of ["name", "created", "updated"]) {
      for (const reverse of [false, true]) {
        const seen: string[] = [];
        let after: string | null = null;
        for (let more = true; more; ) {
          const { models }: Models = await server.data<Models>(query, { after, order, reverse });
          assert.equal(models.total, 7);
          assert.equal(models.pageInfo.hasPreviousPage, after !== null);
          assert.equal(models.pageInfo.endCursor, models.edges.at(-1)?.cursor);
          seen.push(...models.edges.map(({ node }) => node.slug));
          after = models.pageInfo.endCursor;
          more = models.pageInfo.hasNextPage;
        }
        assert.deepEqual([...seen].sort(), names, `${order} ${reverse}`);
        if (order === "name") assert.deepEqual(seen, reverse ? names.toReversed() : names);
      }
    }
  });

  test(`${mode}: what was deployed is read with everything that it refers to`, async (t) => {
    const server = await testServer(t, { jit });
    await openShop(server);
    await deployPayment(server);
    const { deployment } = await server.data<{
      deployment: { outcome: unknown; split: { modelVersion: { columns: string[] } }[] };
    }>(`{ deployment(project: "shop", id: "payment") {
      slug status trigger columns { name from } outcome { source } threshold
      split { model version variant share modelVersion { status comment artifact columns signature { inputs { name shape } } lineage { sources positions } } }
    } }`);
    assert.deepEqual(deployment.outcome, { source: "orders" });
    assert.deepEqual(deployment.split[0].modelVersion.columns, ["amount", "twice"]);
    const { model } = await server.data<{ model: { versions: { version: number; status: string }[] } }>(
      '{ model(project: "shop", id: "payer") { latestVersion versions(first: 5) { version status decidedBy } } }',
    );
    assert.deepEqual(model.versions, [{ version: 1, status: "approved", decidedBy: "local-admin" }]);
  });

  test(`${mode}: a monitor is shown as the kind that it is`, async (t) => {
    const server = await testServer(t, { jit });
    await openShop(server);
    await deployPayment(server);
    const create = `mutation ($id: String!, $definition: MonitorDefinitionInput!) {
      createMonitor(project: "shop", input: { id: $id, definition: $definition }) {
        monitor { definition { __typename kind deployment ... on DriftMonitor { statistic } ... on ErrorMonitor { alpha } } }
      }
    }`;
    const kinds = [drift, { kind: "error", deployment: "payment", statistic: null }];
    const answers = [];
    for (const [i, definition] of kinds.entries()) {
      const { createMonitor } = await server.data<{ createMonitor: { monitor: { definition: unknown } } }>(create, {
        id: `monitor-${i}`,
        definition,
      });
      answers.push(createMonitor.monitor.definition);
    }
    assert.deepEqual(answers, [
      { __typename: "DriftMonitor", kind: "drift", deployment: "payment", statistic: "psi" },
      { __typename: "ErrorMonitor", kind: "error", deployment: "payment", alpha: 0.9999 },
    ]);
  });
}

test("a retry with the same key answers as the first time", async (t) => {
  const server = await testServer(t);
  await openShop(server);
  const register = `mutation ($id: String!) {
    registerModel(project: "shop", input: { id: $id }, idempotencyKey: "k", reason: "a try") { position deduplicated }
  }`;
  type Registered = { registerModel: { position: string; deduplicated: boolean } };
  const first = await server.data<Registered>(register, { id: "m" });
  const second = await server.data<Registered>(register, { id: "m" });
  assert.equal(second.registerModel.position, first.registerModel.position);
  assert.deepEqual([first.registerModel.deduplicated, second.registerModel.deduplicated], [false, true]);
  const other = await server.ask(register, { id: "n" });
  assert.equal(other.errors?.[0].extensions.code, "IDEMPOTENCY_CONFLICT");
});

test("a feature view keeps its versions", async (t) => {
  const server = await testServer(t);
  await openShop(server);
  const definition = { ...spending, features: spending.features.map((feature) => ({ ...feature, where: null })) };
  const { createFeatureView } = await server.data<{ createFeatureView: { featureView: { version: number } } }>(
    `mutation ($definition: FeatureViewDefinitionInput!) {
      createFeatureView(project: "shop", input: { id: "spending", definition: $definition }) {
        featureView { version definition { entity { key } features { name function windowMs where } } versions { by } }
      }
    }`,
    { definition },
  );
  assert.equal(createFeatureView.featureView.version, 1);
});

test("consumer lag sets what was committed against what was produced", async (t) => {
  const server = await testServer(t);
  await openShop(server);
  const { broker } = server.deps;
  const records = Array.from({ length: 5 }, () => ({ key: "a", value: Buffer.from("v"), timestamp: 1, partition: 1 }));
  await broker.produce("orders", records);
  await broker.commitOffsets("shop.by-customer-2", [{ topic: "orders", partition: 1, offset: 2 }]);
  const { consumerLag } = await server.data('{ consumerLag(project: "shop") { group partition committed end lag } }');
  const group = "shop.by-customer-2";
  assert.deepEqual(consumerLag, [
    { group, partition: 0, committed: 0, end: 0, lag: 0 },
    { group, partition: 1, committed: 2, end: 5, lag: 3 },
  ]);
});
