import assert from "node:assert/strict";
import { test } from "node:test";
import { isReserved } from "../../infra/warehouse/policy/names.ts";
import { datasetTable, datasetView } from "../../projections/clickhouse/datasets/sql.ts";
import { endpointViewName } from "../../projections/clickhouse/endpoint-view.ts";
import { openFixture } from "./clickhouse-fixture.ts";

test("guests can change no table that the platform makes, nor take its name before", async (t) => {
  const fixture = await openFixture();
  t.after(() => fixture.close());
  const made = await fixture.rows<{ name: string }>("SHOW TABLES");
  assert.ok(made.length > 5);
  const names = [
    ...made.map(({ name }) => name),
    ...made.map(({ name }) => `${name}__rebuild`),
    endpointViewName("shop", "risk"),
    datasetTable("0".repeat(64), "csv"),
    datasetView("shop", "orders", 1),
  ];
  for (const name of names) {
    for (const database of ["default", "millrace"]) assert.ok(isReserved(database, name), name);
    assert.equal(isReserved("mine", name), false);
  }
  assert.equal(isReserved("default", "things"), false);
});
