import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { warehouseReads } from "../../projections/clickhouse/read/index.ts";
import { type Fixture, openFixture } from "../projections/clickhouse-fixture.ts";
import { testServer } from "./platform.ts";

const HOUR = 3_600_000;
const START = Date.UTC(2001, 2, 1);

let fixture: Fixture;
before(async () => {
  fixture = await openFixture();
  await fill();
});
after(() => fixture.close());

const origin = (offset: number) => ({ _topic: "t", _partition: 0, _offset: offset });

const insert = (table: string, values: Record<string, unknown>[]): Promise<unknown> =>
  fixture.warehouse.client.insert({ table, values, format: "JSONEachRow" });

const predicted = (i: number) => ({
  project: "shop",
  endpoint: "payment",
  id: `payment-0-${i}`,
  revision: 0,
  model: "payer",
  version: 1,
  variant: "champion",
  share: 1,
  entity: `c${i % 3}`,
  key: `o${i}`,
  event_time: START + i * HOUR,
  topic: "orders",
  partition: 0,
  offset: i,
  positions: [i + 1],
  lookups: [],
  features: [i, 0.5],
  output: i / 10,
  served_at: START + i * HOUR,
  latency_ms: 1,
  runtime: "test",
  ...origin(i),
});

const met = (i: number, outcome: number) => ({
  project: "shop",
  endpoint: "payment",
  prediction_id: `payment-0-${i}`,
  model: "payer",
  version: 1,
  variant: "champion",
  entity: `c${i % 3}`,
  key: `o${i}`,
  predicted_at: START + i * HOUR,
  outcome_at: START + (i + 2) * HOUR,
  output: i / 10,
  outcome,
  prediction_offset: i,
  topic: "payments",
  partition: 0,
  offset: i,
  ...origin(i),
});

const fill = async (): Promise<void> => {
  await insert(
    "predictions",
    Array.from({ length: 10 }, (_, i) => predicted(i)),
  );
  await insert("outcomes", [met(2, 0), met(3, 1), met(7, 1), met(8, 1)]);
  const window = { window_from: START, window_to: START + 24 * HOUR, rows: 1000, ...origin(0) };
  const found = {
    project: "shop",
    monitor: "drift",
    endpoint: "payment",
    model: "payer",
    version: 1,
    statistic: "psi",
  };
  await insert("drift", [
    { ...found, ...window, column: "amount", value: 0.4, threshold: 0.2, drifted: true },
    { ...found, ...window, column: "twice", value: 0.1, threshold: 0.2, drifted: false },
  ]);
  await insert("feature_values", [
    {
      project: "shop",
      application: "a",
      view: "spending",
      version: 1,
      entity: "c1",
      at: START,
      values: [1, 2],
      ...origin(0),
    },
  ]);
};

const withWarehouse = () => {
  const { documentsAsOf: _, tiles: __, ...reads } = warehouseReads(fixture.warehouse);
  return reads;
};

for (const jit of [0, 1]) {
  const mode = jit === 0 ? "interpreted" : "compiled";

  test(`${mode}: predictions with outcomes, by id, in pages and by filter`, async (t) => {
    const server = await testServer(t, { jit, deps: { warehouse: withWarehouse() } });
    for (let i = 0; i < 3; i++) {
      const { prediction } = await server.data(
        '{ prediction(project: "shop", id: "payment-0-3") { id eventTime features output outcome outcomeAt variant inputs { name value } } }',
      );
      assert.deepEqual(prediction, {
        id: "payment-0-3",
        eventTime: "2001-03-01T03:00:00.000Z",
        features: [3, 0.5],
        output: 0.3,
        outcome: 1,
        outcomeAt: "2001-03-01T05:00:00.000Z",
        variant: "champion",
        inputs: [
          { name: "f0", value: 3 },
          { name: "f1", value: 0.5 },
        ],
      });
    }
    type Page = {
      predictions: { edges: { node: { offset: number } }[]; pageInfo: { hasNextPage: boolean; endCursor: string } };
    };
    const query = `query ($after: String, $entity: String) {
      predictions(project: "shop", endpoint: "payment", first: 4, after: $after, entity: $entity, reverse: true) {
        edges { node { offset } } pageInfo { hasNextPage endCursor }
      }
    }`;
    const offsets: number[] = [];
    let after: string | null = null;
    for (let more = true; more; ) {
      const { predictions }: Page = await server.data<Page>(query, { after });
      offsets.push(...predictions.edges.map(({ node }) => node.offset));
      after = predictions.pageInfo.endCursor;
      more = predictions.pageInfo.hasNextPage;
    }
    assert.deepEqual(offsets, [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
    const { predictions } = await server.data<Page>(query, { entity: "c1" });
    assert.deepEqual(
      predictions.edges.map(({ node }) => node.offset),
      [7, 4, 1],
    );
  });

  test(`${mode}: statistics, live metrics, drift and feature history`, async (t) => {
    const server = await testServer(t, { jit, deps: { warehouse: withWarehouse() } });
    const answer = await server.data<{
      predictionStatistics: { bucket: string; predictions: number; outcomes: number }[];
      liveMetrics: { bucket: null; count: number; auc: number; accuracy: number }[];
      driftResults: { edges: { node: { column: string } }[] };
      featureHistory: { edges: { node: unknown }[] };
      deadLetters: { edges: [] };
      audit: { edges: [] };
    }>(`{
      predictionStatistics(project: "shop", endpoint: "payment", bucketMs: ${24 * HOUR}) { bucket predictions outcomes }
      liveMetrics(project: "shop", endpoint: "payment") { bucket count auc accuracy }
      driftResults(project: "shop", drifted: true) { edges { node { column value from } } }
      featureHistory(project: "shop", view: "spending", entity: "c1") { edges { node { at values } } }
      deadLetters(project: "shop") { edges { node { code key } } }
      audit(project: "shop") { edges { node { actor data } } }
    }`);
    assert.deepEqual(answer.predictionStatistics, [
      { bucket: "2001-03-01T00:00:00.000Z", predictions: 10, outcomes: 4 },
    ]);
    assert.deepEqual(answer.liveMetrics, [{ bucket: null, count: 4, auc: 1, accuracy: 0.75 }]);
    assert.deepEqual(
      answer.driftResults.edges.map(({ node }) => node.column),
      ["amount"],
    );
    assert.deepEqual(answer.featureHistory.edges[0].node, { at: "2001-03-01T00:00:00.000Z", values: [1, 2] });
    assert.deepEqual([answer.deadLetters.edges, answer.audit.edges], [[], []]);
  });
}

test("a foreign cursor and an empty bucket are the caller's errors", async (t) => {
  const server = await testServer(t, { deps: { warehouse: withWarehouse() } });
  for (const query of [
    '{ predictions(project: "shop", endpoint: "payment", after: "x") { total } }',
    '{ predictionStatistics(project: "shop", endpoint: "payment", bucketMs: 0) { bucket } }',
  ]) {
    const { errors } = await server.ask(query);
    assert.equal(errors?.[0].extensions.code, "BAD_REQUEST", query);
  }
});
