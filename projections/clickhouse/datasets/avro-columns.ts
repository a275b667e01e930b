import type { RowBinaryWriter } from "../../../infra/warehouse/row-binary.ts";
import {
  type Cursor,
  pick,
  readBoolean,
  readCount,
  readInt,
  readLong,
  take,
} from "../../../ml/datasets/avro/cursor.ts";
import { avroJson, logicalText, readUtf8 } from "../../../ml/datasets/avro/json-text.ts";
import type { AvroType } from "../../../ml/datasets/avro/schema.ts";
import type { StoredColumn } from "./typed-values.ts";

/** Reads a value and writes it as RowBinary. */
type Write = (cursor: Cursor, writer: RowBinaryWriter) => void;

type Without<Type> = Type extends unknown ? Omit<Type, "name" | "sql"> : never;

/** What a stored value stands for; `numbers` are texts of numbers of several types. */
export type Meaning = Without<StoredColumn> | { kind: "numbers" };

/** A field of a file's records. `stored` is its type in the staging table, which is Nullable there. */
export type AvroColumn = { name: string; stored: string; meaning: Meaning; read: Write };

export const avroColumn = (name: string, type: AvroType): AvroColumn => {
  const branches = type.kind === "union" ? type.branches : [type];
  const values = branches.filter(({ kind }) => kind !== "null");
  const { stored, meaning, write } = cellOf(values);
  const present: Write = (cursor, writer) => {
    writer.u8(0);
    write(cursor, writer);
  };
  const missing: Write = (_, writer) => writer.u8(1);
  const writes = branches.map((branch) => {
    if (branch.kind === "null") return missing;
    return values.length === 1 ? present : alternative(branch, meaning.kind === "numbers");
  });
  const read: Write =
    type.kind === "union" ? (cursor, writer) => pick(cursor, writes)(cursor, writer) : (writes[0] as Write);
  return { name, stored, meaning, read };
};

type Cell = { stored: string; meaning: Meaning; write: Write };

const plain = (stored: string, write: Write): Cell => ({
  stored,
  meaning: { kind: "plain", type: `Nullable(${stored})` },
  write,
});

const nothing: Cell = { stored: "UInt8", meaning: { kind: "null" }, write: () => undefined };

const cellOf = (values: readonly AvroType[]): Cell => {
  if (values.length === 0) return nothing;
  if (values.length > 1) {
    const kind = values.every(isNumber) ? "numbers" : "plain";
    const cell = plain("String", () => undefined);
    return kind === "numbers" ? { ...cell, meaning: { kind } } : cell;
  }
  const [type] = values;
  if ("logical" in type && type.logical !== null) return logicalCell(type, type.logical);
  if (type.kind === "enum") {
    const symbols = type.symbols.map((symbol) => Buffer.from(symbol));
    return plain("String", (cursor, writer) => writeBytes(writer, pick(cursor, symbols)));
  }
  if (type.kind === "fixed") return fixedCell(type.size);
  if (Object.hasOwn(primitiveCells, type.kind)) return primitiveCells[type.kind as keyof typeof primitiveCells];
  const read = avroJson(type);
  return plain("String", (cursor, writer) => writer.string(read(cursor)));
};

const isNumber = (type: AvroType): boolean =>
  (type.kind === "int" || type.kind === "long" || type.kind === "float" || type.kind === "double") &&
  type.logical === null;

/** A value of a union of several types, as JSON or as a number that says whether it is a whole one by its type. */
const alternative = (type: AvroType, isOfNumbers: boolean): Write => {
  const read = avroJson(type);
  const isFloat = type.kind === "float" || type.kind === "double";
  return (cursor, writer) => {
    const text = read(cursor);
    writer.u8(0);
    if (!isOfNumbers) writer.string(text);
    else if (text.startsWith('"')) writer.string(text.slice(1, -1));
    else writer.string(isFloat && /^-?\d+$/.test(text) ? `${text}.0` : text);
  };
};

const LARGEST_FIXED = 256;

const fixedCell = (size: number): Cell =>
  size > 0 && size <= LARGEST_FIXED
    ? plain(`FixedString(${size})`, (cursor, writer) => {
        const start = take(cursor, size);
        writer.raw(cursor.bytes, start, start + size);
      })
    : plain("String", (cursor, writer) => {
        const start = take(cursor, size);
        writer.stringBytes(cursor.bytes, start, start + size);
      });

const writeBytes = (writer: RowBinaryWriter, bytes: Buffer): void => writer.stringBytes(bytes, 0, bytes.length);

const writeLong = (writer: RowBinaryWriter, value: number | bigint): void => {
  if (typeof value === "number") writer.i64(value);
  else {
    writer.u32(Number(BigInt.asUintN(32, value)));
    writer.u32(Number(BigInt.asUintN(32, value >> 32n)));
  }
};

const writeInt: Write = (cursor, writer) => writer.u32(readInt(cursor) >>> 0);
const long: Write = (cursor, writer) => writeLong(writer, readLong(cursor));

const primitiveCells = {
  boolean: plain("Bool", (cursor, writer) => writer.u8(readBoolean(cursor) ? 1 : 0)),
  int: plain("Int32", writeInt),
  long: plain("Int64", long),
  float: plain("Float32", (cursor, writer) => writer.f32(cursor.bytes.readFloatLE(take(cursor, 4)))),
  double: plain("Float64", (cursor, writer) => writer.f64(cursor.bytes.readDoubleLE(take(cursor, 8)))),
  bytes: plain("String", (cursor, writer) => {
    const length = readCount(cursor);
    const start = take(cursor, length);
    writer.stringBytes(cursor.bytes, start, start + length);
  }),
  string: plain("String", (cursor, writer) => writeBytes(writer, readUtf8(cursor))),
};

/** Digits that the warehouse's decimals have. */
const MOST_DIGITS = 76;

const logicalCell = (type: Parameters<typeof logicalText>[0], logical: Parameters<typeof logicalText>[1]): Cell => {
  if (logical.kind === "date") return { stored: "Int32", meaning: { kind: "date" }, write: writeInt };
  if (logical.kind === "time" || logical.kind === "timestamp") {
    return { stored: "Int64", meaning: { kind: logical.kind, digits: logical.digits }, write: long };
  }
  const read = logicalText(type, logical);
  const write: Write = (cursor, writer) => writer.string(read(cursor));
  if (logical.kind === "uuid") return { ...plain("String", write), meaning: { kind: "text" } };
  const decimal = `Nullable(Decimal(${logical.precision}, ${logical.scale}))`;
  return logical.precision > MOST_DIGITS
    ? plain("String", write)
    : { stored: "String", meaning: { kind: "plain", type: decimal }, write };
};
