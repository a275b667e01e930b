import assert from "node:assert/strict";
import { test } from "node:test";
import { openDatasets } from "../support/datasets.ts";

/** JSON's integers became doubles, a profile's bounds and quantiles floats of 32 bits. */
test("large integers keep their digits, and a profile's numbers are those of the column", async (t) => {
  const { load, cells, ask, close } = await openDatasets();
  t.after(close);
  const json = await load(
    '{"a":9007199254740993,"u":18446744073709551615,"b":123456789012345678901234567890,"n":[9007199254740993,1.0]}\n' +
      '{"a":1.5,"u":1,"b":1,"n":[]}\n',
    "json",
  );
  assert.deepEqual(json.types, ["a String", "u UInt64", "b String", "n String"]);
  assert.deepEqual(await cells(json.table), [
    ["9007199254740993", "18446744073709551615", "123456789012345678901234567890", "[9007199254740993,1.0]"],
    ["1.5", "1", "1", "[]"],
  ]);
  const { described } = await load("a,b\n9007199254740993,1234567890.12\n9007199254740995,1234567891.12\n", "csv");
  const [a, b] = described.columns;
  assert.deepEqual([a.min, a.max], ["9007199254740993", "9007199254740995"]);
  assert.deepEqual([b.min, b.max], [1234567890.12, 1234567891.12]);
  assert.equal(b.quantiles.find(({ level }) => level === 0.5)?.value, 1234567890.62);
  const asked = await ask(
    "SELECT toInt128('170141183460469231731687303715884105727') AS i, toDecimal128('0.1234567890123456789', 19) AS d",
  );
  assert.deepEqual(
    asked.described.columns.map(({ max }) => max),
    ["170141183460469231731687303715884105727", "0.1234567890123456789"],
  );
  const wide = await load("a\n-1.7e308\n1.7e308\n0\n", "csv");
  const [{ histogram }] = wide.described.columns;
  assert.equal(histogram.length, 20);
  assert.ok(histogram.every(({ from, to }) => Number.isFinite(from) && Number.isFinite(to)));
  assert.equal(
    histogram.reduce((sum, { count }) => sum + count, 0),
    3,
  );
});
