import { zstdDecompressSync } from "node:zlib";
import { compressSync, uncompressSync } from "lz4-napi";
import { exception } from "../exception.ts";
import { cityHash128 } from "./city-hash.ts";

/**
 * ClickHouse's compressed blocks (`compress=1`, `decompress=1`): a checksum of 16 bytes over all that follows, a method,
 * the compressed size with these 9 bytes, the size decompressed, the bytes. Integers are little-endian.
 */
const methods = { none: 0x02, lz4: 0x82, zstd: 0x90 } as const;

const checksumBytes = 16;
const headBytes = 9;
/** Of rows in one block; ClickHouse's own default is 1 MiB. */
const blockBytes = 1 << 20;
/** ClickHouse's own limit. */
const mostBlockBytes = 1 << 30;
/** LZ4 and zstd hold at most about so many times their size; what says more was not made by a client. */
const mostRatio = 300;

/** One block of LZ4. */
const encodeBlock = (rows: Buffer): Buffer => {
  const compressed = withoutSize(compressSync(rows));
  const block = Buffer.allocUnsafe(checksumBytes + headBytes + compressed.length);
  block[checksumBytes] = methods.lz4;
  block.writeUInt32LE(headBytes + compressed.length, checksumBytes + 1);
  block.writeUInt32LE(rows.length, checksumBytes + 5);
  compressed.copy(block, checksumBytes + headBytes);
  const [low, high] = cityHash128(block.subarray(checksumBytes));
  block.writeBigUInt64LE(low, 0);
  block.writeBigUInt64LE(high, 8);
  return block;
};

const sizeBytes = 4;
/** The library puts the size in front. */
const withoutSize = (bytes: Buffer): Buffer => bytes.subarray(sizeBytes);

export const decompressLz4 = (bytes: Buffer, size: number, dictionary?: Buffer): Buffer => {
  const sized = Buffer.allocUnsafe(sizeBytes + bytes.length);
  sized.writeUInt32LE(size, 0);
  bytes.copy(sized, sizeBytes);
  return uncompressSync(sized, dictionary);
};

/** Rows as blocks. */
export const encodeBlocks = (rows: Buffer): Buffer => {
  const blocks: Buffer[] = [];
  for (let at = 0; at < rows.length; at += blockBytes) blocks.push(encodeBlock(rows.subarray(at, at + blockBytes)));
  return Buffer.concat(blocks);
};

/** The rows of a stream of blocks, a block at a time. CANNOT_DECOMPRESS, CHECKSUM_DOESNT_MATCH. */
export async function* decodeBlocks(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let held: Buffer = Buffer.alloc(0);
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  let wanted = checksumBytes + headBytes;
  for await (const chunk of source) {
    pending.push(chunk);
    pendingBytes += chunk.length;
    if (held.length + pendingBytes < wanted) continue;
    held = Buffer.concat([held, ...pending]);
    pending = [];
    pendingBytes = 0;
    for (;;) {
      wanted = checksumBytes + headBytes;
      if (held.length < wanted) break;
      wanted = checksumBytes + sizeOf(held);
      if (held.length < wanted) break;
      yield decodeBlock(held.subarray(0, wanted));
      held = held.subarray(wanted);
    }
  }
  if (held.length + pendingBytes > 0) throw damaged("the last block is cut off");
}

const sizeOf = (block: Buffer): number => {
  const size = block.readUInt32LE(checksumBytes + 1);
  const decompressed = block.readUInt32LE(checksumBytes + 5);
  if (size < headBytes || size > mostBlockBytes) throw damaged(`a block says that it has ${size} bytes`);
  if (decompressed > mostBlockBytes || decompressed > (size + headBytes) * mostRatio) {
    throw damaged(`a block of ${size} bytes says that it has ${decompressed}, decompressed`);
  }
  return size;
};

const decodeBlock = (block: Buffer): Buffer => {
  const summed = block.subarray(checksumBytes);
  const [low, high] = cityHash128(summed);
  if (block.readBigUInt64LE(0) !== low || block.readBigUInt64LE(8) !== high) {
    throw exception(400, 40, "CHECKSUM_DOESNT_MATCH", "Checksum doesn't match: the body was damaged on its way");
  }
  const size = summed.readUInt32LE(5);
  const bytes = summed.subarray(headBytes);
  const rows = decompressed(summed[0], bytes, size);
  if (rows.length !== size) throw damaged(`a block has ${rows.length} bytes and says that it has ${size}`);
  return rows;
};

const decompressed = (method: number, bytes: Buffer, size: number): Buffer => {
  try {
    if (method === methods.lz4) return decompressLz4(bytes, size);
    if (method === methods.zstd) return zstdDecompressSync(bytes, { maxOutputLength: Math.max(1, size) });
  } catch (error) {
    throw damaged((error as Error).message);
  }
  if (method === methods.none) return bytes;
  throw damaged(`the method 0x${method.toString(16)} is not read here: use LZ4 (0x82), ZSTD (0x90) or NONE (0x02)`);
};

const damaged = (why: string) => exception(400, 271, "CANNOT_DECOMPRESS", `The body is no compressed block: ${why}`);
