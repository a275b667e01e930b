import assert from "node:assert/strict";
import { describe, it } from "node:test";
import avsc from "avsc";
import fc from "fast-check";
import { rowBinaryWriter } from "../../infra/warehouse/row-binary.ts";
import { avroCursor } from "../../projections/clickhouse/avro-cursor.ts";
import { byteWriter } from "../../schemas/byte-writer.ts";

const zigzag = (value: number): number[] => {
  const bytes: number[] = [];
  let left = value >= 0 ? value * 2 : -value * 2 - 1;
  while (left > 127) {
    bytes.push((left % 128) | 128);
    left = Math.floor(left / 128);
  }
  return [...bytes, left];
};

describe("Avro to RowBinary", () => {
  it("reads every whole number as the platform writes it", () => {
    const cursor = avroCursor();
    fc.assert(
      fc.property(fc.oneof(fc.maxSafeInteger(), fc.integer()), (value) => {
        const avro = byteWriter();
        avro.long(value);
        cursor.over(avro.bytes(), 0, avro.bytes().length);
        assert.equal(cursor.long(), value);
        assert.equal(cursor.left, 0);
        const writer = rowBinaryWriter(1);
        writer.i64(value);
        assert.equal(Number(writer.bytes().readBigInt64LE()), value);
      }),
    );
  });

  it("writes strings, numbers and arrays as RowBinary", () => {
    const type = avsc.Type.forSchema({
      type: "record",
      name: "R",
      fields: [
        { name: "s", type: "string" },
        { name: "d", type: "double" },
        { name: "f", type: { type: "array", items: "float" } },
        { name: "l", type: { type: "array", items: "long" } },
      ],
    });
    const cursor = avroCursor();
    fc.assert(
      fc.property(
        fc.string({ unit: "grapheme", maxLength: 200 }),
        fc.double({ noNaN: true }),
        fc.array(fc.float({ noNaN: true }), { maxLength: 200 }),
        fc.array(fc.integer(), { maxLength: 200 }),
        (s, d, f, l) => {
          const bytes = type.toBuffer({ s, d, f, l });
          const written = rowBinaryWriter(1);
          cursor.over(bytes, 0, bytes.length);
          cursor.stringTo(written);
          cursor.doubleTo(written);
          cursor.floatsTo(written);
          cursor.arrayTo(written, () => cursor.longTo(written));
          const expected = rowBinaryWriter(1);
          expected.string(s);
          expected.f64(d);
          expected.varint(f.length);
          for (const value of f) expected.f32(value);
          expected.varint(l.length);
          for (const value of l) expected.i64(value);
          assert.deepEqual(written.bytes(), expected.bytes());
        },
      ),
    );
  });

  it("reads arrays of several blocks, sized and not", () => {
    const longs = Buffer.from([
      ...zigzag(2),
      ...zigzag(5),
      ...zigzag(-6),
      ...zigzag(-1),
      ...zigzag(1),
      ...zigzag(7),
      0,
    ]);
    const cursor = avroCursor();
    const writer = rowBinaryWriter();
    cursor.over(longs, 0, longs.length);
    cursor.arrayTo(writer, () => cursor.longTo(writer));
    assert.equal(cursor.left, 0);
    const expected = rowBinaryWriter();
    expected.varint(3);
    for (const value of [5, -6, 7]) expected.i64(value);
    assert.deepEqual(writer.bytes(), expected.bytes());
    const float = Buffer.alloc(4);
    float.writeFloatLE(1.5);
    const floats = Buffer.from([...zigzag(1), ...float, ...zigzag(-1), ...zigzag(4), ...float, 0]);
    writer.reset();
    cursor.over(floats, 0, floats.length);
    cursor.floatsTo(writer);
    assert.deepEqual([...writer.bytes()], [2, ...float, ...float]);
  });

  it("refuses a record that ends too soon", () => {
    const cursor = avroCursor();
    const writer = rowBinaryWriter();
    for (const [bytes, read] of [
      [[], () => cursor.long()],
      [[128], () => cursor.long()],
      [[20, 65], () => cursor.stringTo(writer)],
      [[1, 2, 3], () => cursor.doubleTo(writer)],
      [[8, 1, 2], () => cursor.floatsTo(writer)],
    ] as [number[], () => unknown][]) {
      cursor.over(Buffer.from(bytes), 0, bytes.length);
      assert.throws(read, { code: "UNDECODABLE_RECORD" });
    }
  });
});
