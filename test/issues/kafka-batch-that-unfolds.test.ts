import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { recordValue } from "../../infra/broker/batch.ts";
import { decodeBatches } from "../../infra/broker/kafka/batch-decoder.ts";
import { batchEncoder } from "../../infra/broker/kafka/batch-encoder.ts";
import { crc32c } from "../../infra/broker/kafka/crc32c.ts";
import { refusedWithin, within } from "../attacks/budget.ts";

const HEADER_BYTES = 61;
const codecs = { none: 0, gzip: 1, zstd: 4 } as const;

const plainBatch = (values: readonly Buffer[]): Buffer => {
  const encoder = batchEncoder();
  for (const value of values) encoder.add("k", value, 1_000);
  return Buffer.from(encoder.finish({ id: 7n, epoch: 0, sequence: 0, transactional: false }, "none"));
};

/** A batch with this body and count, and a checksum that is right: what a foreign producer may write. */
const batchOf = (
  body: Buffer,
  { codec = "none", count = 1, base = 0 }: { codec?: keyof typeof codecs; count?: number; base?: number },
) => {
  const header = Buffer.from(plainBatch([Buffer.alloc(1)]).subarray(0, HEADER_BYTES));
  const bytes = Buffer.concat([header, body]);
  bytes.writeBigInt64BE(BigInt(base), 0);
  bytes.writeInt32BE(bytes.length - 12, 8);
  bytes.writeInt16BE(codecs[codec], 21);
  bytes.writeInt32BE(count - 1, 23);
  bytes.writeInt32BE(count, 57);
  bytes.writeUInt32BE(crc32c(bytes, 21, bytes.length), 17);
  return bytes;
};

const refused = (message: RegExp, bytes: Buffer) =>
  refusedWithin({ ms: 1_500, mb: 300 }, "ENGINE_REFUSED", message, () => decodeBatches("t", 0, bytes, 0, []));

describe("a record batch of a foreign producer", () => {
  it("that is small and decompresses to very much is refused", () => {
    const zeros = Buffer.alloc(400 << 20);
    const bombs = { gzip: gzipSync(zeros, { level: 9 }), zstd: zstdCompressSync(zeros) };
    for (const codec of ["gzip", "zstd"] as const) {
      assert.ok(bombs[codec].length < 500_000);
      refused(/has more than 134217728 bytes, decompressed/, batchOf(bombs[codec], { codec }));
      refused(/is no (gzip|zstd)/, batchOf(Buffer.alloc(100, 7), { codec }));
    }
  });

  it("that announces records, keys, values or headers beyond its end is refused", () => {
    const one = plainBatch([Buffer.from("value")]).subarray(HEADER_BYTES);
    refused(/does not hold the records that it announces/, batchOf(one, { count: 2 ** 31 - 1 }));
    refused(/does not hold the records that it announces/, batchOf(one, { count: 2 }));
    refused(/does not hold/, batchOf(gzipSync(one), { codec: "gzip", count: 1_000_000_000 }));
    for (let at = 0; at < one.length; at++) {
      for (const byte of [0x01, 0x7e, 0x7f, 0xfe]) {
        const changed = Buffer.from(one);
        changed[at] = byte;
        within({}, () => {
          try {
            decodeBatches("t", 0, batchOf(changed, {}), 0, []);
          } catch (error) {
            assert.equal((error as { code: string }).code, "ENGINE_REFUSED", `byte ${at}: ${(error as Error).message}`);
          }
        });
      }
    }
    const headers = Buffer.from([0, 0, 0, 1, 1, 0xfe, 0xff, 0xff, 0xff, 0x0f]);
    refused(/does not hold/, batchOf(Buffer.concat([Buffer.from([headers.length * 2]), headers]), {}));
  });

  it("that is one of many large ones waits for the next fetch", () => {
    const value = Buffer.alloc(100 << 20, 1);
    const body = plainBatch([value]).subarray(HEADER_BYTES);
    const small = zstdCompressSync(body);
    const fetched = Buffer.concat([0, 1, 2, 3, 4].map((base) => batchOf(small, { codec: "zstd", base })));
    let next = 0;
    let seen = 0;
    for (let fetch = 0; next < 5 && fetch < 5; fetch++) {
      const { batch, next: further } = decodeBatches("t", 0, fetched, next, []);
      assert.ok(batch !== null && batch.bytes.length <= 256 << 20);
      for (let i = 0; i < batch.count; i++, seen++) {
        assert.equal(batch.offsets[i], seen);
        assert.equal(recordValue(batch, i)?.length, value.length);
      }
      next = further;
    }
    assert.equal(seen, 5);
  });
});
