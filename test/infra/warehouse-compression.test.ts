import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { buffer } from "node:stream/consumers";
import { test } from "node:test";
import { zstdCompressSync } from "node:zlib";
import { decodeBlocks, encodeBlocks } from "../../infra/warehouse/child/compression/blocks.ts";
import { cityHash128 } from "../../infra/warehouse/child/compression/city-hash.ts";
import { decodeLz4Frames } from "../../infra/warehouse/child/compression/lz4-frame.ts";

/** Made by goldens.py beside them. */
const goldens = JSON.parse(readFileSync(new URL("./warehouse-compression/goldens.json", import.meta.url), "utf8")) as {
  hashes: [length: number, low: string, high: string][];
  frames: Record<string, string>;
};

/** In pieces that end anywhere. */
async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

test("CityHash128 is that of ClickHouse at every length class", () => {
  for (const [length, low, high] of goldens.hashes) {
    const content = Buffer.from(Uint8Array.from({ length }, (_, i) => (i * 7 + length) & 255));
    assert.deepEqual(cityHash128(content).map(String), [low, high], `${length} bytes`);
  }
});

test("LZ4 frames of every kind are read, in pieces of any size", async () => {
  const rows = Array.from({ length: 11_000 }, (_, i) => `row ${i % 1000} of a table\n`).join("");
  const text = Buffer.from(rows).subarray(0, 200_000);
  for (const [name, frame] of Object.entries(goldens.frames)) {
    for (const size of [13, 977, 1 << 20]) {
      const read = await buffer(decodeLz4Frames(inPieces(Buffer.from(frame, "base64"), size)));
      assert.ok(read.equals(name === "empty" ? Buffer.alloc(0) : text), `${name} by ${size}`);
    }
  }
});

test("LZ4 frames that are damaged, cut off or of another kind are refused", async () => {
  const frame = Buffer.from(goldens.frames.linked, "base64");
  const damages = {
    "no LZ4 frame": Buffer.from("no frame at all"),
    "cut off": frame.subarray(0, frame.length - 9),
    "larger than the frame says": Buffer.concat([frame.subarray(0, 15), Buffer.from([255, 255, 255, 127])]),
  };
  for (const [why, bytes] of Object.entries(damages)) {
    await assert.rejects(buffer(decodeLz4Frames(inPieces(bytes, 100))), new RegExp(why));
  }
});

const blockOf = (method: number, bytes: Buffer, size: number): Buffer => {
  const block = Buffer.alloc(25 + bytes.length);
  block[16] = method;
  block.writeUInt32LE(9 + bytes.length, 17);
  block.writeUInt32LE(size, 21);
  bytes.copy(block, 25);
  const [low, high] = cityHash128(block.subarray(16));
  block.writeBigUInt64LE(low, 0);
  block.writeBigUInt64LE(high, 8);
  return block;
};

test("rows go into blocks and come out of them, and of other methods, too", async () => {
  const rows = Buffer.concat([randomBytes(1_500_000), Buffer.alloc(2_000_000, "row ")]);
  assert.ok((await buffer(decodeBlocks(inPieces(encodeBlocks(rows), 65_537)))).equals(rows));
  assert.ok((await buffer(decodeBlocks(inPieces(encodeBlocks(rows.subarray(0, 99)), 1)))).equals(rows.subarray(0, 99)));
  const few = Buffer.from("some rows");
  const others = Buffer.concat([blockOf(0x90, zstdCompressSync(few), 9), blockOf(0x02, few, 9)]);
  assert.equal((await buffer(decodeBlocks(inPieces(others, 10)))).toString(), "some rowssome rows");
  assert.equal(encodeBlocks(Buffer.alloc(0)).length, 0);
});

test("a block that is damaged, cut off, or says what it does not hold is refused", async () => {
  const good = encodeBlocks(Buffer.from("some rows of a table"));
  const flipped = Buffer.from(good);
  flipped[30] ^= 1;
  const damages: [code: number, why: RegExp, bytes: Buffer][] = [
    [40, /Checksum doesn't match/, flipped],
    [271, /the last block is cut off/, good.subarray(0, good.length - 1)],
    [271, /a block says that it has 3 bytes/, Buffer.concat([Buffer.alloc(17), Buffer.from([3, 0, 0, 0, 0, 0, 0, 0])])],
    [271, /says that it has 1073741824, decompressed/, blockOf(0x82, Buffer.alloc(100), 2 ** 30)],
    [271, /the method 0x99 is not read here/, blockOf(0x99, Buffer.alloc(9), 9)],
    [271, /a block has 9 bytes and says that it has 8/, blockOf(0x02, Buffer.alloc(9), 8)],
    [271, /no compressed block/, blockOf(0x82, randomBytes(50), 1000)],
  ];
  for (const [code, why, bytes] of damages) {
    await assert.rejects(buffer(decodeBlocks(inPieces(bytes, 1000))), (error: { code: number; message: string }) => {
      assert.match(error.message, why);
      assert.equal(error.code, code);
      return true;
    });
  }
});
