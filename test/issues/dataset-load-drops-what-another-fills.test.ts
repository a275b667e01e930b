import assert from "node:assert/strict";
import { test } from "node:test";
import { openWarehouse } from "../../infra/warehouse/open.ts";
import { loadDataset } from "../../projections/clickhouse/datasets/load.ts";
import { openDatasets } from "../support/datasets.ts";

/** In chDB's database `default` every table is of 1970: a load dropped the tables of another that was under way. */
test("a dataset's load drops what was left behind a day ago, and not what another load is filling", async (t) => {
  const { fixture, artifacts, close } = await openDatasets();
  const warehouse = openWarehouse(`${fixture.engine.url}/default`);
  t.after(async () => {
    await warehouse.close();
    await close();
  });
  const tables = async (): Promise<string[]> => {
    const answer = await warehouse.client.query({
      query: "SHOW TABLES LIKE 'dataset_staging_%'",
      format: "JSONEachRow",
    });
    return (await answer.json<{ name: string }>()).map(({ name }) => name);
  };
  const now = Date.now();
  const under = `dataset_staging_${now}_one`;
  for (const name of [under, `dataset_staging_${now - 90_000_000}_old`]) {
    await warehouse.client.command({ query: `CREATE TABLE ${name} (a String) ENGINE = Log` });
  }
  const { digest } = await artifacts.put(Buffer.from("a\n1\n"));
  await loadDataset({ warehouse, artifacts }, digest, "csv");
  assert.deepEqual(await tables(), [under]);
});
