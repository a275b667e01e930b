import assert from "node:assert/strict";
import { test } from "node:test";
import { warehouseReads } from "../../projections/clickhouse/read/index.ts";
import { testServer } from "../graphql/platform.ts";
import { openFixture } from "../projections/clickhouse-fixture.ts";
import { eventually } from "../support/warehouse.ts";

const long = "SELECT count() FROM numbers(1000000000000) WHERE sipHash64(number) = 1";
const query = '{ liveMetrics(project: "shop", endpoint: "payment") { count } }';

/** Behind 300 reads that nobody waited for any more, a GraphQL query waited for two minutes. */
test("a read of the warehouse that a GraphQL query waits for ends when its client leaves", async (t) => {
  // One read runs, one waits: a third is refused as long as the second waits.
  const fixture = await openFixture({ limits: { reads: { atOnce: 1, waiting: 1 } } });
  t.after(() => fixture.close());
  const { documentsAsOf: _, tiles: __, ...reads } = warehouseReads(fixture.warehouse);
  const asked = Promise.withResolvers<void>();
  const liveMetrics: typeof reads.liveMetrics = (...range) => {
    const found = reads.liveMetrics(...range);
    asked.resolve();
    return found;
  };
  const server = await testServer(t, { deps: { warehouse: { ...reads, liveMetrics } } });
  const { client } = fixture.warehouse;
  const another = (): Promise<"answered" | "refused" | "waits"> =>
    client.query({ query: "SELECT 1", abort_signal: AbortSignal.timeout(1_000) }).then(
      () => "answered",
      (error: { code?: string }) => (error.code === "202" ? "refused" : "waits"),
    );

  const runs = new AbortController();
  const running = client.query({ query: long, abort_signal: runs.signal }).catch(() => "left");
  await eventually("a read runs", async () => (await another()) === "waits");
  const left = new AbortController();
  const asks = fetch(`${server.url}/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ query }),
    signal: left.signal,
  }).catch(() => null);
  await asked.promise;
  await eventually("the query waits in the lane", async () => (await another()) === "refused");
  left.abort();
  assert.equal(await asks, null);
  await eventually("its place in the lane is free", async () => (await another()) === "waits");
  runs.abort();
  await running;
  assert.deepEqual(await server.data(query), { liveMetrics: [] });
});
