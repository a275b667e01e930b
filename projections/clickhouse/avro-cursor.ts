import type { ArrayWriter } from "../../infra/warehouse/native-block.ts";
import type { RowBinaryWriter } from "../../infra/warehouse/row-binary.ts";
import { MillraceError } from "../../schemas/errors.ts";

/**
 * Reads Avro's binary encoding in place and writes each value as RowBinary, with no object in between.
 * UNDECODABLE_RECORD where the bytes end too soon.
 */
export type AvroCursor = {
  /** Begins at `start`; nothing at or behind `end` is read. */
  over(bytes: Buffer, start: number, end: number): void;
  /** How many bytes are left. */
  readonly left: number;
  /** int or long: zigzag varint. */
  long(): number;
  intTo(writer: RowBinaryWriter): void;
  longTo(writer: RowBinaryWriter): void;
  doubleTo(writer: RowBinaryWriter): void;
  booleanTo(writer: RowBinaryWriter): void;
  stringTo(writer: { stringBytes(source: Buffer, start: number, end: number): void }): void;
  floatsTo(writer: ArrayWriter): void;
  /** An array whose items `item` reads and writes. */
  arrayTo(writer: ArrayWriter, item: () => void): void;
};

export const avroCursor = (): AvroCursor => {
  let bytes: Buffer = Buffer.alloc(0);
  let at = 0;
  let stop = 0;

  const need = (count: number): void => {
    if (count < 0 || at + count > stop) {
      throw new MillraceError("UNDECODABLE_RECORD", `the record ends ${at + count - stop} bytes too soon`);
    }
  };
  /** The sign is the lowest bit: taken off first, for the zigzag number of a large value would not be exact. */
  const long = (): number => {
    if (at >= stop) need(1);
    let byte = bytes[at++];
    const isNegative = (byte & 1) === 1;
    let magnitude = (byte & 127) >> 1;
    let factor = 64;
    while (byte > 127) {
      if (at >= stop) need(1);
      byte = bytes[at++];
      magnitude += (byte & 127) * factor;
      factor *= 128;
    }
    return isNegative ? -magnitude - 1 : magnitude;
  };
  /** Items of a block; a negative count is followed by the block's size in bytes (Avro 1.12, "Arrays"). */
  const block = (): number => {
    const count = long();
    if (count >= 0) return count;
    long();
    return -count;
  };
  const arrayTo = (writer: ArrayWriter, item: () => void): void => {
    const begin = at;
    const written = writer.length;
    const first = block();
    writer.varint(first);
    for (let i = 0; i < first; i++) item();
    if (first === 0 || bytes[at] === 0) {
      if (first !== 0) at++;
      return;
    }
    // Several blocks, which our own writers never make: count the items first, then write them again.
    let total = first;
    for (let count = block(); count > 0; count = block()) {
      total += count;
      for (let i = 0; i < count; i++) item();
    }
    at = begin;
    writer.truncate(written);
    writer.varint(total);
    for (let count = block(); count > 0; count = block()) for (let i = 0; i < count; i++) item();
  };

  return {
    over(source, start, end) {
      bytes = source;
      at = start;
      stop = end;
    },
    get left() {
      return stop - at;
    },
    long,
    intTo: (writer) => writer.u32(long()),
    longTo: (writer) => writer.i64(long()),
    doubleTo(writer) {
      need(8);
      writer.raw(bytes, at, at + 8);
      at += 8;
    },
    booleanTo(writer) {
      need(1);
      writer.u8(bytes[at++] === 0 ? 0 : 1);
    },
    stringTo(writer) {
      const length = long();
      need(length);
      writer.stringBytes(bytes, at, at + length);
      at += length;
    },
    floatsTo(writer) {
      const begin = at;
      const count = block();
      need(count * 4);
      const end = at + count * 4;
      if (count === 0 || bytes[end] === 0) {
        writer.varint(count);
        writer.raw(bytes, at, end);
        at = count === 0 ? end : end + 1;
        return;
      }
      at = begin;
      arrayTo(writer, () => {
        need(4);
        writer.raw(bytes, at, at + 4);
        at += 4;
      });
    },
    arrayTo,
  };
};
