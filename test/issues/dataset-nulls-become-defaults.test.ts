import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { openDatasets } from "../support/datasets.ts";

const odd = (file: string): Buffer => readFileSync(new URL(`../platform/odd-files/files/${file}`, import.meta.url));

/** The warehouse has no lists and records that are missing: they became `[]`, and records of zeros. */
test("records, lists and maps that are missing are NULL, and no empty ones", async (t) => {
  const { load, cells, close } = await openDatasets();
  t.after(close);
  const rowsOf = async (file: string, format: "parquet" | "avro") => cells((await load(odd(file), format)).table);
  assert.deepEqual(await rowsOf("records.parquet", "parquet"), [['{"a":1,"b":"x"}'], [null], ['{"a":null,"b":null}']]);
  assert.deepEqual(await rowsOf("records-of-required.parquet", "parquet"), [['{"a":1}'], [null], ['{"a":3}']]);
  assert.deepEqual(
    (await rowsOf("lists.parquet", "parquet")).map(([list, lists]) => [list, lists]),
    [
      ["[1,null]", "[[1],null,[]]"],
      [null, null],
      ["[]", "[[]]"],
    ],
  );
  assert.deepEqual(
    (await rowsOf("maps.parquet", "parquet")).map(([map]) => map),
    ['{"k":1,"j":null}', null, "{}"],
  );
  assert.deepEqual(await rowsOf("records.avro", "avro"), [
    ['{"x":1,"y":null}', '{"x":2,"y":"z"}'],
    [null, null],
  ]);
  assert.deepEqual((await rowsOf("lists-and-maps.avro", "avro"))[1], [null, null]);
  const nested = await cells((await load('{"r":{"a":1},"l":[]}\n{"r":null}\n', "json")).table);
  assert.deepEqual(nested, [
    ['{"a":1}', "[]"],
    [null, null],
  ]);
});
