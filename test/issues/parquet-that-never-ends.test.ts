import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { folderArtifacts } from "../../infra/artifacts/folder.ts";
import { loadDataset } from "../../projections/clickhouse/datasets/load.ts";
import { openFixture } from "../projections/clickhouse-fixture.ts";
import { eventually } from "../support/warehouse.ts";

/** One flipped bit in a page of a column: the engine's reader turns for ever, and sees no deadline and no kill. */
const damaged = new URL("./parquet-that-never-ends.parquet", import.meta.url);

test("a damaged Parquet file is refused within its time, and holds up neither the platform's reads nor its writes", async (t) => {
  const loads = { atOnce: 2, waiting: 2, deadlineMs: 2_000, graceMs: 3_000 };
  const fixture = await openFixture({ limits: { loads } });
  t.after(() => fixture.close());
  const artifacts = folderArtifacts(join(fixture.folder, "artifacts"));
  t.after(() => artifacts.close());
  const { digest } = await artifacts.put(await readFile(damaged));
  const { client } = fixture.warehouse;
  await client.command({ query: "CREATE TABLE kept (n UInt8) ENGINE = MergeTree ORDER BY n" });

  const asked = performance.now();
  const loading = Promise.allSettled(
    [1, 2].map(() => loadDataset({ warehouse: fixture.warehouse, artifacts }, digest, "parquet")),
  );
  await eventually("both turn", async () => {
    const [{ n }] = await fixture.rows<{ n: string }>(
      "SELECT count() AS n FROM system.processes WHERE query ILIKE 'INSERT INTO%'",
    );
    return Number(n) === 2;
  });
  await client.insert({ table: "kept", values: [{ n: 1 }], format: "JSONEachRow" });
  for (const outcome of await loading) {
    assert.equal(outcome.status, "rejected");
    assert.equal(outcome.reason.code, "INVALID_DATASET", outcome.reason.message);
  }
  assert.ok(performance.now() - asked < 20_000);
  await eventually("the warehouse is there again, with what was written", async () => {
    const rows = await fixture.rows("SELECT n FROM kept").catch(() => []);
    return rows.length === 1;
  });
});
