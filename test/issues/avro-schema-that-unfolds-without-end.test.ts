import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { checkSourceSchema } from "../../commands/event-source/source-schema.ts";
import { incompatibilities } from "../../infra/schema-registry/compatibility.ts";
import { fieldTypes } from "../../ml/cel/compile.ts";
import { avroType } from "../../schemas/codec.ts";
import { refusedWithin, within } from "../attacks/budget.ts";
import { doubling, doublingUnions, mesh, nested, recordOf } from "../attacks/schemas.ts";

const text = (schema: unknown): string => JSON.stringify(schema);
const refused = (message: RegExp, schema: string) => {
  for (const use of [avroType, (one: string) => checkSourceSchema(one, "a", "b"), fieldTypes]) {
    refusedWithin({}, "INVALID_SCHEMA", message, () => use(schema));
  }
};

describe("an Avro schema that is small and stands for very much", () => {
  it("records that hold each other twice, also in their defaults", () => {
    for (const levels of [16, 30, 90]) {
      refused(/more than \d+ values/, text(doubling(levels)));
      refused(/more than \d+ values/, text(doubling(levels, "null", true)));
    }
    const big = text(doubling(10, "null", true));
    const fields = [...Array(300).keys()].map((i) => ({ name: `f${i}`, type: ["R10", "null"], default: {} }));
    const copies = { type: "record", name: "Copies", fields: [{ name: "first", type: JSON.parse(big) }, ...fields] };
    refused(/./, text(copies).repeat(1));
  });

  it("a record that holds itself, and one that may", () => {
    refused(/contains itself/, text({ type: "record", name: "R", fields: [{ name: "a", type: "R" }] }));
    refused(
      /contains itself/,
      text({
        type: "record",
        name: "R",
        namespace: "n",
        fields: [{ name: "a", type: { type: "record", name: "S", fields: [{ name: "r", type: "n.R" }] } }],
      }),
    );
    const throughUnion = ["null", { type: "record", name: "S", fields: [{ name: "r", type: "R" }] }];
    assert.ok(avroType(text({ type: "record", name: "R", fields: [{ name: "a", type: throughUnion }] })));
  });

  it("types within types, attributes within attributes, defaults within defaults", () => {
    refused(/nested more than/, nested(101));
    refused(/nested more than/, nested(20_000));
    refused(/nested more than/, nested(20_000, "map"));
    refused(/nested more than/, `${'{"type":'.repeat(100_000)}"int"${"}".repeat(100_000)}`);
    refused(/nested more than/, `${"[".repeat(100_000)}"int"${"]".repeat(100_000)}`);
    const deep = "[".repeat(100_000) + "]".repeat(100_000);
    refused(/nested more than/, `{"type":"record","name":"R","doc":${deep},"fields":[]}`);
    const chain = [...Array(300).keys()].map((i) => ({
      type: "record",
      name: `C${i}`,
      fields: i === 0 ? [] : [{ name: "a", type: ["null", `C${i - 1}`] }],
    }));
    refused(/nested more than/, text(chain));
    assert.ok(avroType(nested(90)));
  });

  it("very many names, symbols, fields and characters", () => {
    const named = (i: number) => ({ type: "fixed", name: `F${i}`, size: 1 });
    refused(/named types/, text([...Array(2_000).keys()].map(named)));
    const symbols = Array.from({ length: 90_000 }, (_, i) => `s${i}`);
    refused(/symbols/, text(recordOf({ type: "enum", name: "E", symbols })));
    const fields = Array.from({ length: 20_000 }, (_, i) => ({ name: `f${i}`, type: "int" }));
    refused(/more than 5000 values/, text({ type: "record", name: "W", fields }));
    refused(/longer than 500/, text({ type: "record", name: "n".repeat(100_000), fields: [] }));
    refused(/longer than 500/, text({ type: "record", name: "R", fields: [{ name: "n".repeat(501), type: "int" }] }));
    refused(/at most 1000000/, `"int"${" ".repeat(1_000_000)}`);
  });
});

describe("the compatibility of schemas whose types refer to each other many times", () => {
  it("is decided looking at each pair of types once", () => {
    for (const make of [(leaf: string) => doublingUnions(30, leaf), (leaf: string) => mesh(20, leaf)]) {
      const [ints, longs, texts] = ["int", "long", "string"].map((leaf) => text(make(leaf)));
      assert.deepEqual(
        within({}, () => incompatibilities("FULL", ints, ints)),
        [],
      );
      assert.deepEqual(
        within({}, () => incompatibilities("BACKWARD", longs, ints)),
        [],
      );
      assert.match(
        within({}, () => incompatibilities("BACKWARD", ints, texts)).join(),
        /"(a|others)" is a record \w+, which no branch/,
      );
    }
  });

  it("of enums and records as large as they may be", () => {
    const symbols = Array.from({ length: 9_000 }, (_, i) => `s${i}`);
    const numbered = (given: string[]) => text(recordOf({ type: "enum", name: "E", symbols: given }));
    assert.match(
      within({ ms: 1_000 }, () => incompatibilities("BACKWARD", numbered(symbols.slice(1)), numbered(symbols))).join(),
      /may be s0/,
    );
    const wide = (type: string) =>
      text({ type: "record", name: "W", fields: symbols.slice(0, 4_900).map((name) => ({ name, type })) });
    const reasons = within({ ms: 1_000 }, () => incompatibilities("BACKWARD", wide("int"), wide("string")));
    assert.ok(reasons.length > 0 && reasons.length <= 100, `${reasons.length} reasons`);
  });
});
