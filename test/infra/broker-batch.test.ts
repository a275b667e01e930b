import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { indexOfOffset, readBatches, recordKey, recordValue, sliceBatch, toBatch } from "../../infra/broker/batch.ts";
import { batchBuilder } from "../../infra/broker/batch-builder.ts";
import type { RecordBatch } from "../../infra/broker/port.ts";
import { isMillraceError } from "../../schemas/errors.ts";

const records = fc.array(
  fc.record({
    key: fc.option(fc.string({ unit: "grapheme", maxLength: 40 })),
    value: fc.option(fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes))),
    timestamp: fc.double({ noNaN: true, noDefaultInfinity: true }),
    headers: fc.option(fc.dictionary(fc.string(), fc.string(), { noNullPrototype: true }), { nil: undefined, freq: 3 }),
    gap: fc.nat(3),
  }),
  { minLength: 1, maxLength: 120 },
);

const rows = (batch: RecordBatch) =>
  Array.from({ length: batch.count }, (_, i) => ({
    offset: batch.offsets[i],
    timestamp: batch.timestamps[i],
    key: recordKey(batch, i),
    value: recordValue(batch, i)?.toString("hex") ?? null,
    headers: batch.headers?.[i],
  }));

describe("a stored batch", () => {
  it("gives back what was added: alone, among others, with holes, in part", () => {
    const builder = batchBuilder();
    fc.assert(
      fc.property(fc.array(records, { minLength: 1, maxLength: 4 }), fc.boolean(), fc.nat(500), (groups, holes, at) => {
        let base = 1000;
        const expected: (Parameters<typeof toBatch>[2][number] & { offset: number })[] = [];
        const stored = groups.map((group) => {
          builder.reset();
          let next = base;
          for (const { key, value, timestamp, headers, gap } of group) {
            if (holes) next += gap;
            builder.add(key, value, timestamp, headers, holes ? next - base : undefined);
            expected.push({ key, value, timestamp, headers, offset: next });
            next++;
          }
          const row = { base, count: builder.count, bytes: Buffer.from(builder.encode()) };
          base = next;
          return row;
        });
        const whole = rows(toBatch("a", 3, expected));
        const batch = readBatches("a", 3, stored);
        assert.deepEqual(rows(batch), whole);
        const from = Math.min(at, batch.count);
        const slice = sliceBatch(batch, from, batch.count);
        assert.deepEqual(rows(slice), whole.slice(from));
        assert.equal(slice.bytes, batch.bytes);
        const offset = 1000 + at;
        const index = whole.findIndex((row) => row.offset >= offset);
        assert.equal(indexOfOffset(batch, offset), index < 0 ? batch.count : index);
      }),
      { numRuns: 200 },
    );
  });

  it("copies what it is given, and grows beyond one large record", () => {
    const builder = batchBuilder();
    const large = Buffer.alloc(3_000_000, 1);
    builder.add("k", large, 1);
    large.fill(2);
    builder.add(Buffer.from("a key that is longer than the loop handles"), null, 2);
    const batch = readBatches("a", 0, [{ base: 0, count: 2, bytes: builder.encode() }]);
    assert.ok(recordValue(batch, 0)?.equals(Buffer.alloc(3_000_000, 1)));
    assert.equal(recordKey(batch, 1), "a key that is longer than the loop handles");
    assert.deepEqual([builder.minTimestamp, builder.maxTimestamp], [1, 2]);
  });

  it("is refused when its bytes are not a batch", () => {
    const bytes = new Uint8Array(32);
    assert.throws(
      () => readBatches("a", 0, [{ base: 5, count: 1, bytes }]),
      (error) => isMillraceError(error, "CORRUPT_BATCH") && /a\/0 at offset 5/.test(error.message),
    );
  });
});
