import { isUtf8 } from "node:buffer";
import { avroLimits } from "../../../schemas/avro-limits.ts";
import { dateText, decimalText, floatJson, signedBigEndian, timestampText, timeText } from "../iso-text.ts";
import {
  AvroDataError,
  type Cursor,
  pick,
  readBoolean,
  readCount,
  readInt,
  readItems,
  readLong,
  take,
} from "./cursor.ts";
import type { AvroType, Logical } from "./schema.ts";

/** Reads a value and writes it as JSON. */
export type ReadJson = (cursor: Cursor) => string;

/**
 * How values of a type are written as JSON: records and maps as objects, times as ISO texts, decimals and integers with
 * all their digits, bytes as base64, of a union the value alone.
 */
export const avroJson = (type: AvroType): ReadJson => {
  const known = readers.get(type);
  if (known !== undefined) return known;
  // A record may stand within itself.
  let compiled: ReadJson | null = null;
  readers.set(type, (cursor) => (compiled as ReadJson)(cursor));
  compiled = compile(type);
  readers.set(type, compiled);
  return compiled;
};

const readers = new WeakMap<AvroType, ReadJson>();

const compile = (type: AvroType): ReadJson => {
  if (type.kind === "record") return recordJson(type.fields);
  if (type.kind === "union") {
    const branches = type.branches.map(avroJson);
    return (cursor) => pick(cursor, branches)(cursor);
  }
  if (type.kind === "array") {
    const read = avroJson(type.items);
    return (cursor) => {
      const items: string[] = [];
      readItems(cursor, () => items.push(read(cursor)));
      return `[${items.join(",")}]`;
    };
  }
  if (type.kind === "map") {
    const read = avroJson(type.values);
    return (cursor) => {
      const entries: string[] = [];
      readItems(cursor, () => entries.push(`${JSON.stringify(readText(cursor))}:${read(cursor)}`));
      return `{${entries.join(",")}}`;
    };
  }
  if (type.kind === "enum") {
    const symbols = type.symbols.map((symbol) => JSON.stringify(symbol));
    return (cursor) => pick(cursor, symbols);
  }
  if (type.logical !== null) return logicalJson(type, type.logical);
  if (type.kind === "fixed") return (cursor) => `"${readBytes(cursor, type.size).toString("base64")}"`;
  return primitiveJson[type.kind];
};

const recordJson = (fields: readonly { name: string; type: AvroType }[]): ReadJson => {
  const parts = fields.map(({ name, type }) => ({ name: JSON.stringify(name), read: avroJson(type) }));
  return (cursor) => {
    if (++cursor.depth > avroLimits.depth) throw new AvroDataError(`it is nested more than ${avroLimits.depth} deep`);
    const text = parts.map(({ name, read }) => `${name}:${read(cursor)}`).join(",");
    cursor.depth--;
    return `{${text}}`;
  };
};

/** A copy is not made: the bytes are those of the block. */
export const readBytes = (cursor: Cursor, length: number): Buffer => {
  const start = take(cursor, length);
  return cursor.bytes.subarray(start, start + length);
};

export const readText = (cursor: Cursor): string => readUtf8(cursor).toString("utf8");

export const readUtf8 = (cursor: Cursor): Buffer => {
  const bytes = readBytes(cursor, readCount(cursor));
  if (!isUtf8(bytes)) throw new AvroDataError("the text is not UTF-8");
  return bytes;
};

type Plain = Extract<AvroType, { logical: Logical | null }>;

/** The text of a value with a logical type that is written as one. */
export const logicalText = (type: Plain, logical: Logical): ((cursor: Cursor) => string) => {
  if (logical.kind === "date") return (cursor) => known(dateText(readInt(cursor)));
  if (logical.kind === "time") return (cursor) => timeText(BigInt(readLong(cursor)), logical.digits);
  if (logical.kind === "timestamp") return (cursor) => known(timestampText(BigInt(readLong(cursor)), logical.digits));
  if (logical.kind === "uuid") {
    const dashes = /^(.{8})(.{4})(.{4})(.{4})(.*)$/;
    return (cursor) => readBytes(cursor, 16).toString("hex").replace(dashes, "$1-$2-$3-$4-$5");
  }
  const { precision, scale } = logical;
  const limit = 10n ** BigInt(precision);
  return (cursor) => {
    const bytes = readBytes(cursor, type.kind === "fixed" ? type.size : readCount(cursor));
    const unscaled = signedBigEndian(bytes);
    if (unscaled <= -limit || unscaled >= limit) {
      throw new AvroDataError(`${decimalText(unscaled, scale)} has more than the ${precision} digits of its type`);
    }
    return decimalText(unscaled, scale);
  };
};

const known = (text: string | null): string => {
  if (text === null) throw new AvroDataError("a date or time is beyond the years 0 to 9999");
  return text;
};

const logicalJson = (type: Plain, logical: Logical): ReadJson => {
  const read = logicalText(type, logical);
  return logical.kind === "decimal" ? read : (cursor) => `"${read(cursor)}"`;
};

const primitiveJson: Record<Exclude<Plain["kind"], "fixed">, ReadJson> = {
  null: () => "null",
  boolean: (cursor) => String(readBoolean(cursor)),
  int: (cursor) => String(readInt(cursor)),
  long: (cursor) => String(readLong(cursor)),
  float: (cursor) => floatJson(cursor.bytes.readFloatLE(take(cursor, 4))),
  double: (cursor) => floatJson(cursor.bytes.readDoubleLE(take(cursor, 8))),
  bytes: (cursor) => `"${readBytes(cursor, readCount(cursor)).toString("base64")}"`,
  string: (cursor) => JSON.stringify(readText(cursor)),
};
