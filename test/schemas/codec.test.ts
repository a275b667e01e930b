import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { jsonToAvro } from "../../schemas/avro-json.ts";
import { avroReader, cursorOver } from "../../schemas/avro-read.ts";
import { avroType, frame, recordDecoder, schemaIdOf } from "../../schemas/codec.ts";
import { driftSchema, predictionSchema, tileSchema } from "../../schemas/topics.ts";

type Field = { name: string; type: unknown; default?: unknown };
const record = (...fields: Field[]): string => JSON.stringify({ type: "record", name: "Flight", fields });

const flight = record(
  { name: "flight", type: "string" },
  { name: "origin", type: "string" },
  { name: "scheduled", type: { type: "long", logicalType: "timestamp-millis" } },
  { name: "distance", type: "int" },
);
const atlanta = { flight: "DL-1", origin: "ATL", scheduled: 983_404_800_000, distance: 760 };

const decoderOf = (reader: string, ...writers: string[]) => recordDecoder(reader, (id) => writers[id - 1]);
const decode = (reader: string, writer: string, value: unknown): Record<string, unknown> => {
  const bytes = frame(1, avroType(writer), value);
  return decoderOf(reader, writer).decode(bytes, 0, bytes.length);
};

describe("frame", () => {
  it("is Confluent's wire format: 0, the id in big-endian, the Avro body", () => {
    const type = avroType(flight);
    const bytes = frame(0x01020304, type, atlanta);
    assert.deepEqual([...bytes.subarray(0, 5)], [0, 1, 2, 3, 4]);
    assert.deepEqual(bytes.subarray(5), type.toBuffer(atlanta));
    assert.equal(schemaIdOf(bytes, 0, bytes.length), 0x01020304);
  });

  it("knows ids with the highest bit, and bytes that are not framed", () => {
    const bytes = frame(0xfffffffe, avroType(flight), atlanta);
    assert.equal(schemaIdOf(bytes, 0, bytes.length), 0xfffffffe);
    assert.equal(schemaIdOf(bytes, 0, 4), null);
    assert.equal(schemaIdOf(Buffer.from("plain text"), 0, 10), null);
  });

  it("holds records larger than its scratch buffer", () => {
    const value = { ...atlanta, flight: "x".repeat(300_000) };
    assert.deepEqual(decode(flight, flight, value), value);
  });

  it("refuses a value that does not fit, naming the field", () => {
    assert.throws(() => frame(1, avroType(flight), { ...atlanta, distance: "far" }), {
      code: "INVALID_RECORD",
      message: /"distance" is "far", expected int/,
    });
  });
});

describe("avroType", () => {
  for (const schema of [
    "",
    "{",
    "{}",
    '{"type":"record"}',
    '"nothing"',
    "null",
    record({ name: "__proto__", type: "int" }),
  ]) {
    it(`refuses ${JSON.stringify(schema)} as a schema`, () => {
      assert.throws(() => avroType(schema), { code: "INVALID_SCHEMA" });
    });
  }

  it("gives the same type for the same schema", () => {
    assert.equal(avroType(flight), avroType(flight));
    assert.equal(avroType(tileSchema), avroType(tileSchema));
  });
});

describe("record decoder", () => {
  it("gives plain objects, from the middle of a batch's bytes", () => {
    const bytes = frame(1, avroType(flight), atlanta);
    const batch = Buffer.concat([Buffer.from("before"), bytes, Buffer.from("after")]);
    const decoded = decoderOf(flight, flight).decode(batch, 6, 6 + bytes.length);
    assert.deepEqual(decoded, atlanta);
    assert.equal(Object.getPrototypeOf(decoded), Object.prototype);
  });

  it("reads what other versions of the schema wrote, each resolved into the reader's", () => {
    const reader = record(
      { name: "flight", type: "string" },
      { name: "distance", type: "double" },
      { name: "carrier", type: ["null", "string"], default: null },
    );
    const older = record({ name: "distance", type: "int" }, { name: "flight", type: "string" });
    const newer = record(
      { name: "extra", type: { type: "array", items: "string" } },
      { name: "flight", type: "string" },
      { name: "distance", type: "double" },
      { name: "carrier", type: ["null", "string"] },
    );
    const decoder = decoderOf(reader, older, newer);
    const first = frame(1, avroType(older), { flight: "AA-1", distance: 100 });
    const second = frame(2, avroType(newer), { extra: ["x", "y"], flight: "AA-2", distance: 1.5, carrier: "AA" });
    for (let i = 0; i < 2; i++) {
      assert.deepEqual(decoder.decode(first, 0, first.length), { flight: "AA-1", distance: 100, carrier: null });
      assert.deepEqual(decoder.decode(second, 0, second.length), { flight: "AA-2", distance: 1.5, carrier: "AA" });
    }
  });

  it("names an unknown schema until the cache has it", () => {
    const cache = new Map<number, string>();
    const decoder = recordDecoder(flight, (id) => cache.get(id));
    const bytes = frame(7, avroType(flight), atlanta);
    assert.equal(decoder.missing(bytes, 0, bytes.length), 7);
    assert.throws(() => decoder.decode(bytes, 0, bytes.length), { code: "UNKNOWN_SCHEMA", details: { schemaId: 7 } });
    cache.set(7, flight);
    assert.equal(decoder.missing(bytes, 0, bytes.length), null);
    assert.deepEqual(decoder.decode(bytes, 0, bytes.length), atlanta);
    const json = Buffer.from("{}");
    assert.equal(decoder.missing(json, 0, json.length), null);
  });

  it("refuses a record that the reader's schema cannot take", () => {
    const writer = record({ name: "flight", type: "string" });
    assert.throws(() => decode(flight, writer, { flight: "DL-1" }), {
      code: "UNDECODABLE_RECORD",
      message: /schema 1.*origin/,
    });
  });

  const refusedWith = (message: RegExp, bytes: Buffer, schema = flight): void => {
    const batch = Buffer.concat([bytes, Buffer.alloc(64, 2)]);
    assert.throws(() => decoderOf(schema, schema).decode(batch, 0, bytes.length), {
      code: "UNDECODABLE_RECORD",
      message,
    });
  };
  const good = frame(1, avroType(flight), atlanta);

  it("refuses truncated bytes wherever they end, though the batch goes on behind them", () => {
    for (let length = 0; length < good.length; length++) refusedWith(/./, good.subarray(0, length));
    refusedWith(/"distance"/, good.subarray(0, good.length - 1));
    refusedWith(/"origin"/, good.subarray(0, 12));
  });

  it("refuses trailing bytes and bytes of no known form", () => {
    refusedWith(/1 bytes are left over/, Buffer.concat([good, Buffer.from([0])]));
    refusedWith(/neither framed Avro/, Buffer.from("garbage"));
    refusedWith(/neither framed Avro/, Buffer.alloc(0));
  });

  it("refuses an announced length beyond the record before it allocates anything", () => {
    const list = record({ name: "list", type: { type: "array", items: "long" } });
    const nulls = record({ name: "list", type: { type: "array", items: "null" } });
    const huge = avroType('"long"').toBuffer(2 ** 31);
    const framed = Buffer.concat([Buffer.from([0, 0, 0, 0, 1]), huge]);
    refusedWith(/"list\[0\]": 2147483648 items/, framed, list);
    refusedWith(/"list\[0\]": 2147483648 items/, framed, nulls);
  });

  it("refuses a value nested too deeply", () => {
    const tree = JSON.stringify({
      type: "record",
      name: "Tree",
      fields: [{ name: "child", type: ["null", "Tree"], default: null }],
    });
    refusedWith(/nested too deeply/, Buffer.concat([Buffer.from([0, 0, 0, 0, 1]), Buffer.alloc(1_000_000, 2)]), tree);
  });

  it("reads JSON against the schema", () => {
    const json = (value: unknown) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value));
    const read = (bytes: Buffer) => decoderOf(flight).decode(bytes, 0, bytes.length);
    assert.deepEqual(read(json({ ...atlanta, unknown: 1 })), atlanta);
    for (const [value, message] of [
      ["{broken", /is not JSON/],
      [{ ...atlanta, distance: 1.5 }, /"distance" is 1.5, expected a 32-bit integer/],
      [{ ...atlanta, origin: undefined }, /"origin" is missing/],
    ] as const) {
      assert.throws(() => read(json(value)), { code: "UNDECODABLE_RECORD", message });
    }
  });
});

const arbitrarySchema = fc.letrec<{ schema: unknown }>((tie) => ({
  schema: fc.oneof(
    { maxDepth: 3, depthSize: "small" },
    fc.constantFrom("null", "boolean", "int", "long", "float", "double", "bytes", "string"),
    fc.constant(["null", "string"]),
    fc.constant(["int", "long", "null"]),
    fc.constant({ type: "enum", symbols: ["A", "B"] }),
    fc.constant({ type: "fixed", size: 3 }),
    fc.record({ type: fc.constant("array"), items: tie("schema") }),
    fc.record({ type: fc.constant("map"), values: tie("schema") }),
    fc.array(tie("schema"), { maxLength: 4 }).map((types) => ({
      type: "record",
      fields: types.map((type, i) => ({ name: ["a", "class", "value0", "value1"][i], type })),
    })),
  ),
})).schema;

/** Every named type of a schema needs a name of its own. */
const named = (schema: unknown, counter = { next: 0 }): unknown => {
  if (Array.isArray(schema)) return schema.map((branch) => named(branch, counter));
  if (typeof schema !== "object" || schema === null) return schema;
  const copy: Record<string, unknown> = { ...schema };
  if (["record", "enum", "fixed"].includes(copy.type as string)) copy.name = `N${counter.next++}`;
  for (const key of ["items", "values"]) if (key in copy) copy[key] = named(copy[key], counter);
  if (Array.isArray(copy.fields)) {
    copy.fields = copy.fields.map((field: Field) => ({ ...field, type: named(field.type, counter) }));
  }
  return copy;
};

describe("avro reader", () => {
  it("reads what avsc writes, for any schema and value", () => {
    fc.assert(
      fc.property(arbitrarySchema, (schema) => {
        const type = avroType(JSON.stringify(named(schema)));
        for (let i = 0; i < 3; i++) {
          const bytes = type.toBuffer(type.random());
          const cursor = cursorOver(bytes);
          const value = avroReader(type)(cursor);
          assert.equal(cursor.pos, bytes.length);
          assert.deepEqual(type.toBuffer(value), bytes);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("ends with a value or a mismatch within its bounds, whatever the bytes are", () => {
    const types = [predictionSchema, tileSchema, driftSchema].map(avroType);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.constantFrom(...types), (bytes, type) => {
        const cursor = cursorOver(Buffer.from(bytes));
        try {
          avroReader(type)(cursor);
          assert.ok(cursor.pos <= bytes.length);
        } catch (error) {
          assert.equal((error as Error).constructor.name, "Mismatch");
        }
      }),
      { numRuns: 500 },
    );
  });

  it("reads numbers exactly up to 2^53, and refuses those beyond", () => {
    const type = avroType('"long"');
    const read = (bytes: Buffer) => avroReader(type)(cursorOver(bytes));
    for (const value of [0, -1, 63, -64, 64, 2 ** 27, -(2 ** 31), 2 ** 32, 2 ** 53 - 2, -(2 ** 52)]) {
      assert.equal(read(type.toBuffer(value)), value);
    }
    assert.equal(read(Buffer.from("fbffffffffffff1f", "hex")), -(2 ** 53 - 2));
    assert.throws(() => read(Buffer.from("ffffffffffffffffff01", "hex")), /beyond 2\^53/);
    assert.throws(() => read(Buffer.alloc(20, 0xff)), /longer than 10 bytes|beyond/);
  });

  it("keeps strings apart that share a hash or look alike in Latin 1", () => {
    const type = avroType('"string"');
    const texts = Array.from({ length: 20_000 }, (_, i) => `k${i}`).concat(["é", "Ã©", "\u0000", "", "日本"]);
    for (let round = 0; round < 2; round++) {
      for (const text of texts) {
        const bytes = type.toBuffer(text);
        assert.equal(avroReader(type)(cursorOver(bytes)), text);
      }
    }
  });
});

describe("JSON to Avro", () => {
  const schema = record(
    { name: "id", type: "string" },
    { name: "tags", type: { type: "array", items: "string" }, default: [] },
    { name: "note", type: ["null", "string"], default: null },
    { name: "level", type: { type: "enum", name: "Level", symbols: ["LOW", "HIGH"] }, default: "LOW" },
    { name: "raw", type: "bytes", default: "\u00ff" },
    { name: "amount", type: ["int", "string"], default: 0 },
    { name: "limits", type: { type: "map", values: "double" }, default: {} },
  );
  const type = avroType(schema);
  const convert = (value: unknown) => jsonToAvro(type, value) as Record<string, unknown>;

  it("fills defaults in, anew for each record", () => {
    const first = convert({ id: "a" });
    assert.deepEqual(first, {
      id: "a",
      tags: [],
      note: null,
      level: "LOW",
      raw: Buffer.from([0xff]),
      amount: 0,
      limits: {},
    });
    assert.notEqual(first.tags, convert({ id: "b" }).tags);
  });

  it("takes unions plain and tagged", () => {
    assert.equal(convert({ id: "a", note: "x" }).note, "x");
    assert.equal(convert({ id: "a", note: { string: "x" } }).note, "x");
    assert.equal(convert({ id: "a", amount: { int: 3 } }).amount, 3);
    assert.equal(convert({ id: "a", amount: "three" }).amount, "three");
  });

  it("gives what avsc can write where branches look alike", () => {
    const ambiguous = avroType('["int", "double", "null"]');
    for (const value of [3, 3.5, null, { double: 3 }]) {
      assert.doesNotThrow(() => ambiguous.toBuffer(jsonToAvro(ambiguous, value)));
    }
    assert.deepEqual(jsonToAvro(ambiguous, 3), { int: 3 });
    assert.deepEqual(jsonToAvro(ambiguous, { double: 3 }), { double: 3 });
  });

  for (const [value, message] of [
    [[], /the value is \[\], expected an object/],
    [{ id: 7 }, /"id" is 7, expected a string/],
    [{}, /"id" is missing, expected a string/],
    [{ id: "a", tags: ["x", 2] }, /"tags\[1\]" is 2/],
    [{ id: "a", level: "MID" }, /"level" is "MID", expected one of LOW, HIGH/],
    [{ id: "a", raw: "日" }, /"raw" is .*U\+00FF/],
    [{ id: "a", note: 5 }, /"note" is 5, expected a string/],
    [{ id: "a", amount: true }, /"amount" is true, expected int or string/],
    [{ id: "a", limits: { low: "1" } }, /"limits.low" is "1", expected a number/],
  ] as const) {
    it(`refuses ${JSON.stringify(value)}`, () => {
      assert.throws(() => convert(value), { code: "INVALID_RECORD", message });
    });
  }
});
