import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { insertRows } from "../../projections/clickhouse/datasets/warehouse-calls.ts";
import { type Datasets, openDatasets } from "../support/datasets.ts";

describe("datasets in the warehouse", () => {
  let datasets: Datasets;
  before(async () => {
    datasets = await openDatasets();
  });
  after(() => datasets.close());

  it("reads CSV: types that every row has, missing values, quotes, codes with leading zeros", async () => {
    const csv = [
      "id,amount,zip,paid,day,at,note,large",
      '1,1.5,00501,true,2026-01-02,2026-01-02T03:04:05Z,"a, ""b""\nc",12345678901234567890',
      "2,NA,10001,false,2026-02-03,2026-01-02 03:04,,1",
      "3,-2e3,,,,,plain,2",
      "",
    ].join("\r\n");
    const { rows, types, size, table } = await datasets.load(csv, "csv");
    assert.equal(rows, 3);
    assert.equal(size, Buffer.byteLength(csv));
    assert.deepEqual(types, [
      "id Int64",
      "amount Float64",
      "zip String",
      "paid Bool",
      "day Date32",
      "at DateTime64(6, 'UTC')",
      "note String",
      "large UInt64",
    ]);
    assert.deepEqual(await datasets.fixture.rows(`SELECT id, amount, zip, paid, note FROM ${table} ORDER BY _row`), [
      { id: 1, amount: 1.5, zip: "00501", paid: true, note: 'a, "b"\nc' },
      { id: 2, amount: null, zip: "10001", paid: false, note: null },
      { id: 3, amount: -2000, zip: null, paid: null, note: "plain" },
    ]);
  });

  it("reads JSON: lines or an array, keys of any row, nested values as JSON", async () => {
    const objects = [
      { id: 1, price: 1, name: "5", at: "2026-01-02", tags: ["a"], mixed: 1 },
      { id: 2, price: 2.5, mixed: "x", late: true, name: null },
    ];
    const lines = await datasets.load(objects.map((object) => JSON.stringify(object)).join("\n"), "json");
    const array = await datasets.load(JSON.stringify(objects), "json");
    const expected = [
      "id Int64",
      "price Float64",
      "name String",
      "at Date32",
      "tags String",
      "mixed String",
      "late Bool",
    ];
    for (const { types, table } of [lines, array]) {
      assert.deepEqual(types, expected);
      assert.deepEqual(await datasets.fixture.rows(`SELECT * EXCEPT _row FROM ${table} ORDER BY _row`), [
        { id: 1, price: 1, name: "5", at: "2026-01-02", tags: '["a"]', mixed: "1", late: null },
        { id: 2, price: 2.5, name: null, at: null, tags: null, mixed: '"x"', late: true },
      ]);
    }
  });

  for (const [format, written] of [
    ["parquet", "Parquet"],
    ["avro", "Avro"],
    ["query", "RowBinaryWithNamesAndTypes"],
  ] as const) {
    it(`reads ${format}: names and types as the file says, rows in order`, async () => {
      const select =
        "SELECT toInt64(number) AS n, concat('s', toString(number)) AS s, if(number % 3 = 0, NULL, number / 7) AS f FROM numbers(200000)";
      const { rows, types, table } = await datasets.load(await datasets.exported(select, written), format);
      assert.equal(rows, 200_000);
      assert.deepEqual(types, ["n Int64", "s String", "f Float64"]);
      assert.deepEqual(
        await datasets.fixture.rows(
          `SELECT countIf(n != toInt64(_row)) AS moved, uniqExact(n) AS distinct, sum(isNull(f)) AS nulls FROM ${table}`,
        ),
        [{ moved: 0, distinct: 200_000, nulls: 66_667 }],
      );
    });
  }

  it("profiles every column", async () => {
    const rows = Array.from(
      { length: 1000 },
      (_, i) => `${i < 100 ? "" : i},${i % 4 === 0 ? "x" : "y"},2026-01-0${1 + (i % 5)}`,
    );
    const { described } = await datasets.load(["n,kind,day", ...rows].join("\n"), "csv");
    assert.equal(described.rows, 1000);
    const [n, kind, day] = described.columns;
    assert.equal(n.kind, "numeric");
    assert.deepEqual([n.count, n.missing, n.min, n.max, n.mean], [900, 100, 100, 999, 549.5]);
    assert.ok(Math.abs((n.std ?? 0) - 259.95) < 0.01);
    assert.ok(Math.abs((n.distinct ?? 0) - 900) < 20);
    assert.equal(n.quantiles.find(({ level }) => level === 0.5)?.value, 549.5);
    assert.equal(n.histogram.length, 20);
    assert.equal(
      n.histogram.reduce((sum, { count }) => sum + count, 0),
      900,
    );
    assert.equal(n.histogram[0].from, 100);
    assert.equal(n.histogram[19].to, 999);
    assert.deepEqual(kind.top, [
      { value: "y", count: 750 },
      { value: "x", count: 250 },
    ]);
    assert.deepEqual([day.kind, day.min, day.max, day.distinct], ["temporal", "2026-01-01", "2026-01-05", 5]);
  });

  it("profiles columns without any value, of one value, and not finite", async () => {
    const { described } = await datasets.load("none,one,odd\n,7,1.5\n,7,NaN\n", "csv");
    const [none, one, odd] = described.columns;
    assert.deepEqual([none.missing, none.distinct, none.top], [2, 0, []]);
    assert.deepEqual(one.histogram, [{ from: 7, to: 7, count: 2 }]);
    assert.deepEqual([odd.missing, odd.min, odd.std], [1, 1.5, null]);
  });

  it("names the row, the line and the column of what is malformed, and keeps nothing", async () => {
    await datasets.refuses('a,b\n1,"x\ny"\n2,3,4\n', "csv", /^row 2 \(line 4\), column "b"/);
    await datasets.refuses("a,b\n1,2\n3\n", "csv", /^row 2 \(line 3\)/);
    await datasets.refuses('a,b\n1,2\n3,"open\n4,5\n', "csv", /^line 3: a quoted value begins/);
    await datasets.refuses("a,b,a\n1,2,3\n", "csv", /line 1, column 3: "a" is there twice/);
    await datasets.refuses("a,b\n", "csv", /no rows/);
    await datasets.refuses("", "csv", /empty/);
    await datasets.refuses('{"a":1}\n{"a":2,]}\n', "json", /^row 2 \(line 2\): not valid JSON/);
    await datasets.refuses('{"a":1}\nfoo\n', "json", /^row 2 \(line 2\): /);
    await datasets.refuses('{"a":1}\n{"a"', "json", /^row 2 \(line 2\): /);
    await datasets.refuses("neither", "parquet", /does not end as a Parquet file/);
    await datasets.refuses("neither", "avro", /^not avro: /);
    const whole = await datasets.exported("SELECT number AS n FROM numbers(50000)", "Avro");
    await datasets.refuses(whole.subarray(0, whole.length - 1000), "avro", /./);
    const parquet = Buffer.from(
      await datasets.exported("SELECT number AS n, toString(rand()) AS s FROM numbers(50000)", "Parquet"),
    );
    parquet.fill(0xff, 4, 20_000);
    await datasets.refuses(parquet, "parquet", /./);
    assert.deepEqual(await datasets.tables("dataset_staging_"), []);
  });

  it("equal bytes are loaded once, also by two at the same time", async () => {
    const csv = "a\n1\n2\n3\n";
    const [one, other] = await Promise.all([datasets.load(csv, "csv"), datasets.load(csv, "csv")]);
    const again = await datasets.load(csv, "csv");
    assert.deepEqual([one.rows, other.rows, again.rows], [3, 3, 3]);
    assert.deepEqual(await datasets.fixture.rows(`SELECT a FROM ${one.table} ORDER BY _row`), [
      { a: 1 },
      { a: 2 },
      { a: 3 },
    ]);
    assert.deepEqual(await datasets.tables("dataset_staging_"), []);
  });

  it("a table that older rules have filled is passed over", async () => {
    const csv = "a\n x \n";
    const { digest } = await datasets.artifacts.put(Buffer.from(csv));
    const old = `dataset_${digest.slice(0, 32)}_csv`;
    await datasets.fixture.warehouse.client.command({
      query: `CREATE TABLE ${old} ENGINE = MergeTree ORDER BY _row AS SELECT toUInt64(0) AS _row, 'x' AS a`,
    });
    const { table } = await datasets.load(csv, "csv");
    assert.deepEqual(await datasets.cells(table), [[" x "]]);
  });

  it("rows are sent in as many requests as they need", async () => {
    const { warehouse } = datasets.fixture;
    await warehouse.client.command({ query: "CREATE TABLE parts (n UInt8) ENGINE = StripeLog" });
    async function* rows() {
      for (let i = 0; i < 10; i++) yield Buffer.of(i, i);
    }
    await insertRows(warehouse, "parts", rows(), 3);
    const [found] = await datasets.fixture.rows("SELECT groupArray(n) AS n FROM parts");
    assert.deepEqual(found, { n: Array.from({ length: 20 }, (_, i) => i >> 1) });
  });
});
