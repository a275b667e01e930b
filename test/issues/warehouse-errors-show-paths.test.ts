import assert from "node:assert/strict";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { openWarehouse } from "../support/warehouse.ts";

test("no error of the warehouse holds a path of the server", async (t) => {
  const { ask, folder, engine } = await openWarehouse(t);
  assert.equal((await ask("CREATE TABLE t (a Int64, b String) ENGINE = MergeTree ORDER BY a")).status, 200);
  const failing: [sql: string, search?: string][] = [
    ["INSERT INTO t FORMAT CSV\nx,y\n"],
    ["INSERT INTO t FORMAT CSV\n1\n"],
    ['INSERT INTO t FORMAT JSONEachRow\n{"a":"x"}\n'],
    ["INSERT INTO t FORMAT Parquet\nnone\n"],
    ["INSERT INTO t FORMAT Avro\nnone\n"],
    ["INSERT INTO t FORMAT Native\nnone\n"],
    ["INSERT INTO t FORMAT NoSuchFormat\n1\n"],
    ["x,y\n", "query=INSERT+INTO+t+FORMAT+CSV"],
    ["INSERT INTO nothing FORMAT CSV\n1\n"],
    ["SELECT * FROM nothing"],
    ["SELECT number, throwIf(number = 5) FROM numbers(10)"],
    ["SELECT 1 FORMAT NoSuchFormat"],
    ["SELECT 1 FORMAT NoSuchFormat", "wait_end_of_query=1"],
    ["SELECT throwIf(number = 500000) FROM numbers(1000000)", "wait_end_of_query=1"],
    ["SELECT toUInt8('x')"],
    ["SELECT * FROM t WHERE"],
    ["CREATE TABLE t (a Int8) ENGINE = Memory"],
    ["DROP TABLE nothing"],
  ];
  for (const as of ["guest", "platform"] as const) {
    for (const [sql, search] of failing) {
      const { status, text } = await ask(sql, { as, search });
      assert.ok(status >= 400, sql);
      assert.ok(!text.includes(folder), text);
      assert.doesNotMatch(text, /incoming|\.rows|\.pipe|\.answer|chdb\/|\/tmp\/|\/proc\//, text);
    }
  }
  // A file that the engine itself names.
  const file = join(folder, "warehouse", "nothing.csv");
  const { text } = await ask(`SELECT * FROM file('${file}', LineAsString)`, { as: "platform" });
  assert.ok(!text.includes(folder), text);
  assert.equal(engine.restarts, 0);
});

test("what the warehouse keeps, its owner alone may read", async (t) => {
  const { ask, folder } = await openWarehouse(t);
  await ask("CREATE TABLE t (a Int64) ENGINE = MergeTree ORDER BY a");
  await ask("INSERT INTO t VALUES (1)");
  const directory = join(folder, "warehouse");
  assert.equal(statSync(directory).mode & 0o777, 0o700);
  for (const entry of readdirSync(join(directory, "incoming"), { withFileTypes: true, recursive: true })) {
    const { mode } = statSync(join(entry.parentPath, entry.name));
    assert.equal(mode & 0o077, 0, entry.name);
  }
});
