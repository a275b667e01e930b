import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { csvDialect } from "../../ml/datasets/csv-dialect.ts";
import { CsvQuoteError, csvReader } from "../../ml/datasets/csv-reader.ts";
import { dateText, decimalText, signedBigEndian, timestampText } from "../../ml/datasets/iso-text.ts";
import { checkJson, JsonFieldError, jsonFields } from "../../ml/datasets/json-fields.ts";
import { JsonRowError, jsonRows } from "../../ml/datasets/json-rows.ts";
import { lz4Block } from "../../ml/datasets/parquet/lz4.ts";
import { parquetFooter } from "../../ml/datasets/parquet/schema.ts";
import { binsOf, exactNumber, kindOf, plainType } from "../../ml/datasets/profile.ts";
import { asUtf8, NoTextError } from "../../ml/datasets/text-bytes.ts";
import { textType } from "../../ml/datasets/text-types.ts";

const field = fc.string({ unit: fc.constantFrom("a", '"', ",", "\n", "\r", "é", " "), maxLength: 6 });
const written = (value: string): string => `"${value.replaceAll('"', '""')}"`;
const comma = ",".charCodeAt(0);

const cut = (bytes: Buffer, size: number): Buffer[] =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));

const rowsOf = (chunks: readonly Buffer[]) => {
  const rows: string[][] = [];
  const lines: number[] = [];
  let row: string[] = [];
  const reader = csvReader(comma, {
    value: (bytes, length) => row.push(bytes.toString("utf8", 0, length)),
    row: () => {
      rows.push(row);
      lines.push(reader.place().line);
      row = [];
    },
  });
  for (const chunk of chunks) reader.push(chunk);
  reader.end();
  return { rows, lines, openedAt: reader.openedAt() };
};

test("CSV is read as it was written, however the bytes are cut and lines end, and every row knows its line", () => {
  const rows = fc.array(fc.array(field, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 8 });
  const end = fc.constantFrom("\n", "\r\n", "\r");
  fc.assert(
    fc.property(rows, end, fc.integer({ min: 1, max: 7 }), (given, lineEnd, size) => {
      const lines = given.map((row) => row.map(written).join(",") + lineEnd);
      const read = rowsOf(cut(Buffer.from(lines.join("")), size));
      assert.deepEqual(read.rows, given);
      const before = given.map(
        (_, i) =>
          lines
            .slice(0, i)
            .join("")
            .split(/\r\n|\r|\n/).length,
      );
      assert.deepEqual(read.lines, before);
      assert.equal(read.openedAt, null);
    }),
  );
});

test("what stands between separators is the value; a quote that closes ends it", () => {
  assert.deepEqual(rowsOf([Buffer.from(' a ,b" ,"x""y"\n,\n')]).rows, [
    [" a ", 'b" ', 'x"y'],
    ["", ""],
  ]);
  assert.throws(() => rowsOf([Buffer.from('"a"b\n')]), CsvQuoteError);
  const reader = csvReader(comma, { value: () => undefined, row: () => undefined });
  reader.push(Buffer.from('a,b\n1,"x""\ny"\n2,"z\n'));
  assert.equal(reader.openedAt(), 4);
});

test("the separator is the one by which the first rows have one number of columns", () => {
  const separatorOf = (text: string): string => String.fromCharCode(csvDialect(Buffer.from(text), true).separator);
  assert.equal(separatorOf("a,b\n1,2\n"), ",");
  assert.equal(separatorOf("a;b;c\n1,5;2;3\n"), ";");
  assert.equal(separatorOf('a\tb\n"1\t2"\tx\n'), "\t");
  assert.equal(separatorOf("a|b\n"), "|");
  assert.equal(separatorOf("a\n1;2\n"), ",");
  assert.equal(separatorOf("a,b\n1,2\n3\n"), ",");
  assert.deepEqual(csvDialect(Buffer.from("sep=;\r\na;b\r\n"), true), { separator: 59, hints: 1 });
});

test("UTF-8 and UTF-16 are read, however the bytes are cut; other bytes are named", async () => {
  const textOf = async (bytes: Buffer, size: number): Promise<string> => {
    async function* chunks() {
      yield* cut(bytes, size);
    }
    const parts: Buffer[] = [];
    for await (const part of asUtf8(chunks())) parts.push(part);
    return Buffer.concat(parts).toString("utf8");
  };
  const text = fc.string({ unit: fc.constantFrom("a", "é", "€", "😀", "\n"), minLength: 1, maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(text, fc.integer({ min: 1, max: 9 }), async (given, size) => {
      const marked = Buffer.from(`\ufeff${given}`, "utf16le");
      assert.equal(await textOf(Buffer.from(`\ufeff${given}`), size), given);
      assert.equal(await textOf(marked, size), given);
      assert.equal(await textOf(Buffer.from(marked).swap16(), size), given);
    }),
  );
  await fc.assert(
    fc.asyncProperty(text, text, fc.integer({ min: 1, max: 9 }), async (before, after, size) => {
      const bytes = Buffer.concat([Buffer.from(before), Buffer.of(0xe9), Buffer.from(`x${after}`)]);
      const parts: Buffer[] = [];
      async function* chunks() {
        yield* cut(bytes, size);
      }
      await assert.rejects(async () => {
        for await (const part of asUtf8(chunks())) parts.push(part);
      }, /0xe9 is not UTF-8/);
      assert.equal(Buffer.concat(parts).toString(), before);
    }),
  );
  await assert.rejects(textOf(Buffer.from([0x61, 0x62, 0x63, 0x64, 0xe2, 0x82]), 9), NoTextError);
});

test("objects are cut out of JSON however the bytes are cut, and keep their numbers as written", () => {
  const value = fc.jsonValue({ maxDepth: 3 });
  const objects = fc.array(fc.dictionary(fc.string({ maxLength: 4 }), value, { maxKeys: 4 }), {
    minLength: 1,
    maxLength: 5,
  });
  fc.assert(
    fc.property(objects, fc.boolean(), fc.integer({ min: 1, max: 9 }), (given, isArray, size) => {
      const texts = given.map((object) => JSON.stringify(object, null, isArray ? 1 : undefined));
      const bytes = Buffer.from(isArray ? ` [${texts.join(" ,\n")}] ` : texts.join("\n"));
      const found: unknown[] = [];
      const reader = jsonRows();
      for (const chunk of cut(bytes, size)) {
        reader.push(chunk, (object) => {
          const fields = jsonFields(object.toString());
          found.push(Object.fromEntries(fields.map(({ key, raw }) => [key, JSON.parse(raw)])));
        });
      }
      reader.end();
      assert.deepEqual(found, JSON.parse(JSON.stringify(given)));
    }),
  );
  assert.deepEqual(jsonFields('{"a": 12345678901234567890, "b" : [ 1.0 , "x y" ], "a": 1.50}'), [
    { key: "a", raw: "12345678901234567890" },
    { key: "b", raw: '[1.0,"x y"]' },
    { key: "a", raw: "1.50" },
  ]);
  assert.throws(
    () => checkJson('{"a":1,"b":NaN}'),
    (error) => error instanceof JsonFieldError && error.column === "b",
  );
  for (const text of ["[{}", '{"a"', "[{},]{", "1", "[{} {}]", "{}]"]) {
    assert.throws(
      () => {
        const reader = jsonRows();
        reader.push(Buffer.from(text), () => undefined);
        reader.end();
      },
      JsonRowError,
      text,
    );
  }
});

test("the narrowest type that keeps all texts", () => {
  const none = {
    ...{ present: 0, integers: 0, unsigned: 0, numbers: 0, inexact: 0 },
    ...{ booleans: 0, dates: 0, times: 0, fine: 0, keptFine: 0 },
  };
  assert.equal(textType(none), "String");
  assert.equal(textType({ ...none, present: 3, integers: 3, numbers: 3 }), "Int64");
  assert.equal(textType({ ...none, present: 3, integers: 2, unsigned: 3, numbers: 3 }), "UInt64");
  assert.equal(textType({ ...none, present: 3, integers: 2, numbers: 3 }), "Float64");
  assert.equal(textType({ ...none, present: 3, integers: 2, numbers: 3, inexact: 1 }), "String");
  assert.equal(textType({ ...none, present: 3, dates: 1, times: 2 }), "DateTime64(6, 'UTC')");
  assert.equal(textType({ ...none, present: 3, dates: 1, times: 2, fine: 1, keptFine: 3 }), "DateTime64(9, 'UTC')");
  assert.equal(textType({ ...none, present: 3, dates: 1, times: 2, fine: 1, keptFine: 2 }), "String");
  assert.equal(textType({ ...none, present: 3, numbers: 2 }), "String");
});

test("kinds of types, bins that cover the range, and bounds with all their digits", () => {
  assert.equal(plainType("LowCardinality(Nullable(String))"), "String");
  assert.deepEqual(["Nullable(Decimal(9, 2))", "Date32", "Bool", "Array(Int64)"].map(kindOf), [
    "numeric",
    "temporal",
    "categorical",
    "nested",
  ]);
  assert.deepEqual(binsOf(2, 2, { 0: 5 }), [{ from: 2, to: 2, count: 5 }]);
  const bins = binsOf(0, 10, { 0: 1, 19: 2 });
  assert.deepEqual([bins.length, bins[0].from, bins[19].to, bins[19].count], [20, 0, 10, 2]);
  assert.ok(binsOf(-1.7e308, 1.7e308, {}).every(({ from, to }) => Number.isFinite(from) && Number.isFinite(to)));
  assert.deepEqual(["5", "-0.25", "1e300", "9007199254740993", "0.123456789012345678901"].map(exactNumber), [
    5,
    -0.25,
    1e300,
    "9007199254740993",
    "0.123456789012345678901",
  ]);
});

test("dates, times and decimals as texts", () => {
  assert.deepEqual([-719_528, -1, 2_932_896, 2_932_897].map(dateText), [
    "0000-01-01",
    "1969-12-31",
    "9999-12-31",
    null,
  ]);
  assert.equal(timestampText(-1n, 6), "1969-12-31 23:59:59.999999");
  assert.equal(decimalText(-5n, 3), "-0.005");
  assert.equal(signedBigEndian(Buffer.from("ff6a", "hex")), -150n);
});

test("an LZ4 block is decompressed, and refused where it is none of its size", () => {
  const block = Buffer.from([0x14, 0x61, 0x01, 0x00, 0x20, 0x62, 0x63]);
  assert.equal(Buffer.from(lz4Block(block, 11)).toString(), "aaaaaaaaabc");
  for (const size of [10, 12]) assert.throws(() => lz4Block(block, size), RangeError);
  assert.throws(() => lz4Block(Buffer.from([0x14, 0x61, 0x05, 0x00]), 9), RangeError);
});

test("bytes that are no description of a Parquet file are refused, whatever they are", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        parquetFooter(Buffer.from(bytes));
      } catch (error) {
        assert.ok(error instanceof RangeError, String(error));
      }
    }),
  );
});
