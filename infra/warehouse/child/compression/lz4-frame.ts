import { decompressLz4 } from "./blocks.ts";

const magic = 0x184d2204;
const skippable = 0x184d2a5;
const historyBytes = 64 << 10;
/** Of one block by the frame's number. */
const blockBytes: Readonly<Record<number, number>> = { 4: 64 << 10, 5: 256 << 10, 6: 1 << 20, 7: 4 << 20 };

/**
 * The bytes of LZ4 frames (`Content-Encoding: lz4`), a block at a time, in the memory of one; checksums are passed over.
 * The format: github.com/lz4/lz4, doc/lz4_Frame_format.md.
 */
export async function* decodeLz4Frames(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const reader = readerOf(source);
  while (!(await reader.ended())) {
    const number = (await reader.take(4)).readUInt32LE(0);
    if (number >>> 4 === skippable) {
      await reader.take((await reader.take(4)).readUInt32LE(0));
      continue;
    }
    if (number !== magic) throw new Error("it is no LZ4 frame");
    yield* decodeFrame(reader);
  }
}

async function* decodeFrame(reader: Reader): AsyncGenerator<Buffer> {
  const [flags, sizes] = await reader.take(2);
  if (flags >> 6 !== 1) throw new Error("it is no LZ4 frame of version 1");
  const largest = blockBytes[(sizes >> 4) & 7];
  if (largest === undefined) throw new Error("its blocks have no size of LZ4");
  if ((flags & 1) !== 0) throw new Error("it needs a dictionary, which is not known here");
  const [isIndependent, hasBlockSum, hasSize, hasSum] = [32, 16, 8, 4].map((bit) => (flags & bit) !== 0);
  // The size of all, and the checksum of the head.
  await reader.take((hasSize ? 8 : 0) + 1);
  let history: Buffer = Buffer.alloc(0);
  for (;;) {
    const size = (await reader.take(4)).readUInt32LE(0);
    if (size === 0) break;
    const isPlain = size >>> 31 === 1;
    const bytes = await reader.take(checked(size & 0x7fffffff, largest));
    if (hasBlockSum) await reader.take(4);
    const rows = isPlain ? bytes : decompressLz4(bytes, largest, history.length === 0 ? undefined : history);
    if (!isIndependent) history = Buffer.concat([history, rows]).subarray(-historyBytes);
    yield rows;
  }
  if (hasSum) await reader.take(4);
}

const checked = (size: number, largest: number): number => {
  if (size <= largest) return size;
  throw new Error(`a block of ${size} bytes is larger than the frame says`);
};

type Reader = { take(bytes: number): Promise<Buffer>; ended(): Promise<boolean> };

const readerOf = (source: AsyncIterable<Buffer>): Reader => {
  const chunks = source[Symbol.asyncIterator]();
  let held: Buffer = Buffer.alloc(0);
  /** Reads on until so much is held, or nothing is left. */
  const hold = async (bytes: number): Promise<boolean> => {
    const parts = [held];
    let size = held.length;
    while (size < bytes) {
      const { done, value } = await chunks.next();
      if (done) break;
      parts.push(value);
      size += value.length;
    }
    if (parts.length > 1) held = Buffer.concat(parts, size);
    return size >= bytes;
  };
  return {
    async take(bytes) {
      if (!(await hold(bytes))) throw new Error("it is cut off");
      const taken = held.subarray(0, bytes);
      held = held.subarray(bytes);
      return taken;
    },
    ended: async () => !(await hold(1)),
  };
};
