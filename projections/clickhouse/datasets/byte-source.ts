import type { Readable } from "node:stream";
import { invalid } from "./refusal.ts";

/**
 * Bytes of a stream, held piece by piece: no more than what is asked for and a chunk. What is held is taken without
 * waiting, as there may be millions of pieces. INVALID_DATASET at the end of the stream.
 */
export type ByteSource = {
  /** Holds so many bytes, or all that are left. */
  hold(length: number): Promise<void> | undefined;
  /** Whether all has been taken; after `hold`. */
  isAtEnd(): boolean;
  take(length: number): Buffer;
  /** Avro's zigzag integer, exact up to 2^53; after `hold(longBytes)`. */
  long(): number;
  /** Bytes taken so far. */
  position(): number;
};

/** The most that one integer takes. */
export const longBytes = 10;

export const byteSource = (stream: Readable): ByteSource => {
  const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let held: Buffer = Buffer.alloc(0);
  let at = 0;
  let before = 0;

  const fill = async (length: number): Promise<void> => {
    const parts = [held.subarray(at)];
    let size = held.length - at;
    while (size < length) {
      const { done, value } = await chunks.next();
      if (done === true) break;
      parts.push(value);
      size += value.length;
    }
    before += at;
    at = 0;
    held = Buffer.concat(parts, size);
  };
  const need = (length: number): void => {
    if (at + length > held.length) throw invalid("the file ends within what it announces: is it whole?");
  };

  return {
    hold: (length) => (at + length <= held.length ? undefined : fill(length)),
    isAtEnd: () => at === held.length,
    position: () => before + at,
    take(length) {
      need(length);
      at += length;
      return held.subarray(at - length, at);
    },
    long() {
      let value = 0;
      for (let i = 0, factor = 1; ; i++, factor *= 128) {
        need(1);
        const byte = held[at++];
        value += (byte & 127) * factor;
        if (byte < 128) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
        if (i === longBytes) throw invalid("not avro: a number is longer than 10 bytes");
      }
    },
  };
};
