import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { describe, it } from "node:test";
import fc from "fast-check";
import { recordKey, recordValue } from "../../infra/broker/batch.ts";
import { decodeBatches } from "../../infra/broker/kafka/batch-decoder.ts";
import { batchEncoder } from "../../infra/broker/kafka/batch-encoder.ts";
import { crc32c } from "../../infra/broker/kafka/crc32c.ts";
import type { Codec } from "../../infra/broker/kafka/url.ts";
import { putVarint, readVarint, varintSize } from "../../infra/broker/kafka/varint.ts";
import type { Headers } from "../../infra/broker/port.ts";
import { isMillraceError } from "../../schemas/errors.ts";

type Made = { key: string | null; value: Buffer | null; timestamp: number; headers?: Headers };

/** kafkajs's own codec of record batches. */
const theirs = createRequire(import.meta.url);
const { RecordBatch } = theirs("kafkajs/src/protocol/recordBatch/v0/index.js");
const Record = theirs("kafkajs/src/protocol/recordBatch/record/v0/index.js");
const decodeTheirs = theirs("kafkajs/src/protocol/recordBatch/v0/decoder.js");
const Decoder = theirs("kafkajs/src/protocol/decoder.js");
const { Types } = theirs("kafkajs/src/protocol/message/compression/index.js");

const records: fc.Arbitrary<Made[]> = fc.array(
  fc.record(
    {
      key: fc.option(fc.oneof(fc.string({ unit: "grapheme", maxLength: 40 }), fc.constant("x".repeat(20_000)))),
      value: fc.option(fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes))),
      timestamp: fc.oneof(fc.integer({ min: 0, max: 4e12 }), fc.integer({ min: 0, max: 2 ** 40 })),
      // Not the names of Object's own properties, which kafkajs takes for headers that repeat.
      headers: fc.dictionary(
        fc.string({ minLength: 1 }).map((name) => `h${name}`),
        fc.string({ unit: "grapheme" }),
        { maxKeys: 3 },
      ),
    },
    { requiredKeys: ["key", "value", "timestamp"] },
  ),
  { minLength: 1, maxLength: 200 },
);

const plainHeaders = (headers: Headers | undefined): Headers =>
  Object.fromEntries(Object.entries(headers ?? {}).map(([name, text]) => [name, text]));

const encoded = (made: readonly Made[], codec: Codec): Buffer => {
  const encoder = batchEncoder();
  for (const { key, value, timestamp, headers } of made) encoder.add(key, value, timestamp, headers);
  return Buffer.from(encoder.finish({ id: 7n, epoch: 3, sequence: 11, transactional: true }, codec));
};

/** With the checksum of what it holds now. */
const sealed = (bytes: Buffer): Buffer => {
  bytes.writeUInt32BE(crc32c(bytes, 21, bytes.length), 17);
  return bytes;
};

const decoded = (bytes: Buffer, from = 0): Made[] => {
  const { batch } = decodeBatches("t", 0, bytes, from, []);
  if (batch === null) return [];
  return Array.from({ length: batch.count }, (_, i) => ({
    key: recordKey(batch, i),
    value: recordValue(batch, i),
    timestamp: batch.timestamps[i],
    headers: plainHeaders(batch.headers?.[i]),
  }));
};

const same = (got: readonly Made[], made: readonly Made[]): void =>
  assert.deepEqual(
    got,
    made.map((one) => ({ ...one, headers: plainHeaders(one.headers) })),
  );

describe("Kafka's record batches", () => {
  it("of ours are what kafkajs decodes", async () => {
    await fc.assert(
      fc.asyncProperty(records, fc.constantFrom<Codec>("none", "gzip"), async (made, codec) => {
        const batch = await decodeTheirs(new Decoder(encoded(made, codec)));
        assert.deepEqual([batch.producerId, batch.producerEpoch, batch.inTransaction], ["7", 3, true]);
        const got = batch.records.map((one: Made & { timestamp: string; headers: { [name: string]: Buffer } }) => ({
          key: one.key?.toString() ?? null,
          value: one.value,
          timestamp: Number(one.timestamp),
          headers: Object.fromEntries(Object.entries(one.headers).map(([name, text]) => [name, text.toString()])),
        }));
        same(got, made);
      }),
      { numRuns: 100 },
    );
  });

  it("of kafkajs are decoded", async () => {
    await fc.assert(
      fc.asyncProperty(records, fc.boolean(), async (made, gzip) => {
        const firstTimestamp = made[0].timestamp;
        const batch = await RecordBatch({
          compression: gzip ? Types.GZIP : Types.None,
          records: made.map((one, offsetDelta) =>
            Record({ ...one, offsetDelta, timestampDelta: one.timestamp - firstTimestamp }),
          ),
          firstTimestamp,
          maxTimestamp: Math.max(...made.map(({ timestamp }) => timestamp)),
          producerId: -1,
          lastOffsetDelta: made.length - 1,
        });
        same(decoded(batch.buffer), made);
      }),
      { numRuns: 100 },
    );
  });

  it("come back with every codec, several in a row and cut off in the last", () => {
    fc.assert(
      fc.property(records, fc.constantFrom<Codec>("none", "gzip", "zstd"), fc.nat(), (made, codec, cut) => {
        const first = encoded(made, codec);
        const second = encoded(made, "zstd");
        second.writeBigInt64BE(BigInt(made.length), 0);
        const both = Buffer.concat([first, second]);
        same(decoded(both), [...made, ...made]);
        same(decoded(both, made.length), made);
        same(decoded(both.subarray(0, first.length + (cut % second.length))), made);
      }),
      { numRuns: 100 },
    );
  });

  it("of an aborted transaction are skipped up to its marker, and the position goes on", () => {
    const at = (offset: number, bytes: Buffer): Buffer => {
      bytes.writeBigInt64BE(BigInt(offset), 0);
      return bytes;
    };
    const one = (text: string): Buffer => encoded([{ key: text, value: null, timestamp: 1 }], "none");
    const marker = batchEncoder();
    marker.add(Buffer.from([0, 0, 0, 0]), Buffer.alloc(6), 1);
    const abort = Buffer.from(marker.finish({ id: 7n, epoch: 3, sequence: -1, transactional: true }, "none"));
    abort.writeInt16BE(0x30, 21);
    sealed(abort);
    const log = Buffer.concat([at(0, one("a")), at(1, one("b")), at(2, abort), at(3, one("c"))]);
    const { batch, next } = decodeBatches("t", 0, log, 0, [{ producer: 7n, firstOffset: 1 }]);
    assert.deepEqual([...(batch?.offsets ?? [])], [0, 3]);
    assert.equal(next, 4);
    const nothing = decodeBatches("t", 0, at(5, abort), 5, []);
    assert.deepEqual(nothing, { batch: null, next: 6 });
  });

  it("of a codec that is not read are refused by name", () => {
    const snappy = encoded([{ key: "k", value: null, timestamp: 1 }], "none");
    snappy.writeInt16BE(2, 21);
    sealed(snappy);
    assert.throws(
      () => decoded(snappy),
      (error) => isMillraceError(error, "ENGINE_REFUSED") && /"t".*snappy/.test(error.message),
    );
  });

  it("that were damaged are refused by their place", () => {
    const bytes = encoded([{ key: "k", value: Buffer.from("value"), timestamp: 1 }], "none");
    bytes[bytes.length - 2] ^= 1;
    assert.throws(
      () => decoded(bytes),
      (error) => isMillraceError(error, "ENGINE_REFUSED") && error.message.includes("t/0@0"),
    );
  });

  it("carry varints of any size", () => {
    const bytes = Buffer.alloc(16);
    fc.assert(
      fc.property(
        fc.oneof(
          fc.integer(),
          // Without the zero that has a sign: a varint has none.
          fc.maxSafeInteger().map((n) => Math.trunc(n / 4) + 0),
        ),
        (value) => {
          const end = putVarint(bytes, 0, value);
          assert.equal(end, varintSize(value));
          const reader = { bytes, at: 0 };
          assert.equal(readVarint(reader), value);
          assert.equal(reader.at, end);
        },
      ),
    );
  });

  it("are checked by the CRC of RFC 3720, appendix B.4", () => {
    assert.equal(crc32c(Buffer.alloc(32), 0, 32), 0x8a9136aa);
    assert.equal(crc32c(Buffer.alloc(32, 0xff), 0, 32), 0x62a8ab43);
    assert.equal(crc32c(Buffer.from(Array.from({ length: 32 }, (_, i) => i)), 0, 32), 0x46dd794e);
    assert.equal(crc32c(Buffer.from("123456789"), 0, 9), 0xe3069283);
  });
});
