import { avroLimits } from "../../../schemas/avro-limits.ts";

/** Where a reader of Avro's binary encoding is; it never looks beyond `end`. */
export type Cursor = {
  bytes: Buffer;
  pos: number;
  end: number;
  /** Items of arrays and maps that the record may still have. */
  items: number;
  /** Records, arrays and maps around the value. */
  depth: number;
};

/** Bytes that are no record of the schema. */
export class AvroDataError extends Error {}

export const take = (cursor: Cursor, length: number): number => {
  const start = cursor.pos;
  if (!(length >= 0 && length <= cursor.end - start)) {
    throw new AvroDataError(`${length} bytes are announced, ${cursor.end - start} are left in the block`);
  }
  cursor.pos = start + length;
  return start;
};

const MOST_BYTES = 10;

/** A zigzag integer of 64 bits: a number where that is exact, else a bigint. */
export const readLong = (cursor: Cursor): number | bigint => {
  const { bytes, pos, end } = cursor;
  let value = 0;
  for (let i = 0, weight = 1; ; i++, weight *= 128) {
    if (pos + i >= end) throw new AvroDataError("the block ends within a number");
    const byte = bytes[pos + i];
    value += (byte & 127) * weight;
    if (byte >= 128) {
      if (i + 1 >= MOST_BYTES) throw new AvroDataError("a number is longer than 10 bytes");
      continue;
    }
    cursor.pos = pos + i + 1;
    if (value > Number.MAX_SAFE_INTEGER) return bigLong(bytes, pos, i + 1);
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }
};

const bigLong = (bytes: Buffer, pos: number, length: number): bigint => {
  let bits = 0n;
  for (let i = 0; i < length; i++) bits |= BigInt(bytes[pos + i] & 127) << BigInt(7 * i);
  return BigInt.asIntN(64, (BigInt.asUintN(64, bits) >> 1n) ^ -(bits & 1n));
};

/** A length, an index or a count. */
export const readCount = (cursor: Cursor): number => {
  const value = readLong(cursor);
  if (typeof value === "number") return value;
  throw new AvroDataError(`${value} is too large for a length`);
};

export const readInt = (cursor: Cursor): number => {
  const value = readLong(cursor);
  if (value !== Number(value) || value !== (value | 0)) throw new AvroDataError(`${value} is no integer of 32 bits`);
  return value;
};

export const readBoolean = (cursor: Cursor): boolean => {
  const byte = cursor.bytes[take(cursor, 1)];
  if (byte > 1) throw new AvroDataError(`${byte} is no boolean`);
  return byte === 1;
};

/** One of several by its index. */
export const pick = <Item>(cursor: Cursor, items: readonly Item[]): Item => {
  const index = readCount(cursor);
  if (index < 0 || index >= items.length) throw new AvroDataError(`${index} is no index of ${items.length} choices`);
  return items[index];
};

/** Reads the items of an array or a map, block by block. */
export const readItems = (cursor: Cursor, read: () => void): void => {
  if (++cursor.depth > avroLimits.depth) throw new AvroDataError(`it is nested more than ${avroLimits.depth} deep`);
  for (let count = readCount(cursor); count !== 0; count = readCount(cursor)) {
    if (count < 0) {
      count = -count;
      readLong(cursor);
    }
    cursor.items -= count;
    if (cursor.items < 0) throw new AvroDataError(`a record has more than ${avroLimits.values} items`);
    for (; count > 0; count--) read();
  }
  cursor.depth--;
};
