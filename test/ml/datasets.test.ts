import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { csvFields } from "../../ml/datasets/csv-header.ts";
import { csvScan } from "../../ml/datasets/csv-scan.ts";
import { binsOf, kindOf, plainType } from "../../ml/datasets/profile.ts";
import { jsonType, textType } from "../../ml/datasets/text-types.ts";

const field = fc.string({ unit: fc.constantFrom("a", '"', ",", "\n", "é", " "), maxLength: 6 });
const written = (value: string): string => `"${value.replaceAll('"', '""')}"`;

test("the fields of a written header are those that were written", () => {
  fc.assert(
    fc.property(fc.array(field, { minLength: 1, maxLength: 6 }), (fields) => {
      assert.deepEqual(csvFields(`${fields.map(written).join(",")}\r\n`), fields);
    }),
  );
  assert.deepEqual(csvFields("\uFEFFa, b ,\n"), ["a", "b", ""]);
});

test("rows begin where they were written, however the bytes are cut", () => {
  const rows = fc.array(fc.array(field, { minLength: 1, maxLength: 3 }), { minLength: 2, maxLength: 8 });
  fc.assert(
    fc.property(rows, fc.integer({ min: 1, max: 7 }), (given, size) => {
      const lines = given.map((row) => `${row.map(written).join(",")}\n`);
      const bytes = Buffer.from(lines.join(""));
      for (const [i] of lines.entries()) {
        const scan = csvScan(i + 1);
        for (let at = 0; at < bytes.length; at += size) scan.push(bytes.subarray(at, at + size));
        const before = lines.slice(0, i).join("");
        assert.equal(scan.lineOfRow(), before.split("\n").length);
        assert.equal(scan.headerBytes(), Buffer.byteLength(lines[0]));
        assert.equal(scan.openedAt(), null);
      }
    }),
  );
});

test("an open quote is known by its line", () => {
  const scan = csvScan();
  scan.push(Buffer.from('a,b\n1,"x""\ny"\n2,"z\n'));
  assert.equal(scan.openedAt(), 4);
});

test("the narrowest type that all texts have", () => {
  const none = { present: 0, integers: 0, numbers: 0, booleans: 0, dates: 0, times: 0 };
  assert.equal(textType(none), "String");
  assert.equal(textType({ ...none, present: 3, integers: 3, numbers: 3 }), "Int64");
  assert.equal(textType({ ...none, present: 3, integers: 2, numbers: 3 }), "Float64");
  assert.equal(textType({ ...none, present: 3, dates: 1, times: 2 }), "DateTime64(6, 'UTC')");
  assert.equal(textType({ ...none, present: 3, numbers: 2 }), "String");
  assert.equal(jsonType(["Int64", "Double", "Null"]), "Float64");
  assert.equal(jsonType(["Null"]), "raw");
  assert.equal(jsonType(["String", "Int64"]), "raw");
});

test("kinds of types, and bins that cover the range", () => {
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
});
