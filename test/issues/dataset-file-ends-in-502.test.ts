import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import type { DatasetFormat } from "../../schemas/lifecycle/dataset.ts";
import { type Datasets, openDatasets } from "../support/datasets.ts";

const odd = (file: string): Buffer => readFileSync(new URL(`../platform/odd-files/files/${file}`, import.meta.url));

/** "WAREHOUSE_FAILED, retry: yes" was said of files and queries that fail each time, though there is nothing wrong. */
describe("valid Parquet and Avro files, and valid queries, are loaded", () => {
  let datasets: Datasets;
  before(async () => {
    datasets = await openDatasets();
  });
  after(() => datasets.close());
  const rowsOf = async (file: string, format: DatasetFormat): Promise<unknown[][]> =>
    datasets.cells((await datasets.load(odd(file), format)).table);

  it("dates and times outside of 1900 to 2299", async () => {
    const far = await rowsOf("dates-far.parquet", "parquet");
    assert.deepEqual(
      far.map(([date]) => date),
      ["1970-01-01", "9999-12-31", "0001-01-01", null],
    );
    assert.deepEqual(await rowsOf("dates-far.avro", "avro"), [["0001-01-01"], ["9999-12-31"]]);
    const spark = await rowsOf("int96-far.parquet", "parquet");
    assert.deepEqual(spark[1], ["9999-12-31 23:59:59.999999"]);
  });

  it("lists whose names begin alike before a dot", async () => {
    assert.deepEqual(await rowsOf("names-with-dots.parquet", "parquet"), [
      ["[1,2]", "[1]", "1"],
      ["[3]", "[3,4]", "2"],
    ]);
  });

  it("unions of several types, and fields of none", async () => {
    const union = await rowsOf("union-of-string-and-long.avro", "avro");
    assert.deepEqual(union, [["1"], ['"x"'], [null], [String(2n ** 60n)]]);
    assert.deepEqual(await rowsOf("nothing.avro", "avro"), [
      [null, 1],
      [null, 2],
    ]);
    assert.deepEqual(
      (await rowsOf("union-of-numbers.avro", "avro")).map(([number]) => number),
      [11, 1.5, 2],
    );
  });

  it("decimals on fixed", async () => {
    assert.deepEqual(await rowsOf("decimal-of-fixed.avro", "avro"), [[1234567890.12], [null], [-0.01]]);
  });

  it("columns of a query without a value, and of types that no table likes", async () => {
    const { types, table } = await datasets.ask("SELECT NULL AS x, [] AS l, (NULL, 1) AS t, toLowCardinality(1) AS c");
    assert.equal(types[0], "x String");
    assert.deepEqual(await datasets.cells(table), [[null, [], [null, 1], 1]]);
  });

  it("what no table can hold is refused by its column, and not to be tried again", async () => {
    const asked = (query: string) => datasets.ask(query);
    const refused = { code: "INVALID_DATASET" };
    await assert.rejects(asked("SELECT [1] AS `x.a`, [1, 2] AS `x.b`"), {
      ...refused,
      message: /"x.b".*names without a dot/,
    });
    await assert.rejects(asked(`SELECT CAST('{"a":1}' AS JSON) AS j`), { ...refused, message: /cannot hold it/ });
    await datasets.refuses("a,a.size\nx,5\n", "csv", /"a.size" is a part of column "a"/);
    await datasets.refuses(odd("beyond-year-9999.parquet"), "parquet", /^row 2, column "a": 253402300800000000 is/);
  });
});
