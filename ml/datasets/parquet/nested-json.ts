import { dateText, decimalText, floatJson, signedBigEndian, timestampText, timeText } from "../iso-text.ts";
import type { ParquetNode } from "./schema.ts";

/** Writes a value as JSON; RangeError for a value that has no text. */
export type JsonWriter = (value: unknown) => string;

/**
 * The name of a node's child in the values that `nestedJson` takes. Names of a file may be alike, or hold whatever
 * they like; these cannot be mistaken.
 */
export const childName = (index: number): string => `n${index}`;

/**
 * How the values of a nested column are written as JSON: records as objects, lists as arrays, maps as objects with
 * their keys as texts, times as ISO texts, decimals and integers with all their digits, bytes as base64. A value of a
 * group is an object by `childName`, whatever the group stands for; what is repeated is an array.
 */
export const nestedJson = (node: ParquetNode): JsonWriter => {
  const one = node.children.length === 0 ? leafJson(node) : groupJson(node);
  const present: JsonWriter = (value) => (value === null || value === undefined ? "null" : one(value));
  if (node.repetition !== "repeated") return present;
  return (value) => `[${(value as unknown[]).map(present).join(",")}]`;
};

const groupJson = (node: ParquetNode): JsonWriter => {
  const [child] = node.children;
  const isOfMany = node.children.length === 1 && child.repetition === "repeated";
  if (isOfMany && node.meaning.kind === "list") return listJson(node.name, child);
  if (isOfMany && node.meaning.kind === "map" && child.children.length > 0) return mapJson(child);
  const fields = node.children.map((field, i) => ({
    at: childName(i),
    name: JSON.stringify(field.name),
    write: nestedJson(field),
  }));
  return (value) => {
    const record = value as Record<string, unknown>;
    return `{${fields.map(({ at, name, write }) => `${name}:${write(record[at])}`).join(",")}}`;
  };
};

/** Of three levels, or of two as older writers have it (Parquet's LogicalTypes.md, "Backward-compatibility rules"). */
const listJson = (name: string, child: ParquetNode): JsonWriter => {
  const isItem = child.children.length !== 1 || child.name === "array" || child.name === `${name}_tuple`;
  const write = nestedJson(isItem ? { ...child, repetition: "optional" } : child.children[0]);
  const itemOf = isItem ? (item: unknown) => item : (item: unknown) => (item as Record<string, unknown>)[childName(0)];
  return (value) => {
    const items = (value as Record<string, unknown[]>)[childName(0)];
    return `[${items.map((item) => write(itemOf(item))).join(",")}]`;
  };
};

const mapJson = ({ children: [key, item] }: ParquetNode): JsonWriter => {
  const writeKey = nestedJson(key);
  const write = item === undefined ? () => "null" : nestedJson(item);
  const keyText = (value: unknown): string => {
    const json = writeKey(value);
    return json.startsWith('"') ? json : JSON.stringify(json);
  };
  return (value) => {
    const entries = (value as Record<string, Record<string, unknown>[]>)[childName(0)];
    const parts = entries.map((entry) => `${keyText(entry[childName(0)])}:${write(entry[childName(1)])}`);
    return `{${parts.join(",")}}`;
  };
};

const whole = (value: unknown): bigint => BigInt(value as number | bigint);

const text = (value: string | null): string => {
  if (value === null) throw new RangeError("a date or time is beyond the years 0 to 9999");
  return `"${value}"`;
};

const leafJson = ({ type, meaning, length }: ParquetNode): JsonWriter => {
  const { kind } = meaning;
  if (kind === "null") return () => "null";
  if (kind === "date") return (value) => text(dateText(Number(value)));
  if (kind === "time") return (value) => text(timeText(whole(value), meaning.digits));
  if (kind === "timestamp") return (value) => text(timestampText(whole(value), meaning.digits));
  if (type === "int96") return (value) => text(timestampText(whole(value), 9));
  if (kind === "decimal") {
    return type === "int32" || type === "int64"
      ? (value) => decimalText(whole(value), meaning.scale)
      : (value) => decimalText(signedBigEndian(value as Uint8Array), meaning.scale);
  }
  if (kind === "integer" && !meaning.isSigned) {
    return (value) => String(BigInt.asUintN(type === "int64" ? 64 : 32, whole(value)));
  }
  if (type === "boolean" || type === "int32" || type === "int64") return String;
  if (type === "float" || type === "double") return (value) => floatJson(value as number);
  return bytesJson(kind, length);
};

const bytesJson = (kind: string, length: number): JsonWriter => {
  const bytesOf = (value: unknown): Buffer => {
    const { buffer, byteOffset, byteLength } = value as Uint8Array<ArrayBuffer>;
    return Buffer.from(buffer, byteOffset, byteLength);
  };
  if (kind === "text") return (value) => JSON.stringify(bytesOf(value).toString("utf8"));
  if (kind === "float16" && length === 2) return (value) => floatJson(float16(bytesOf(value).readUInt16LE()));
  if (kind === "uuid") {
    return (value) =>
      `"${bytesOf(value)
        .toString("hex")
        .replace(/^(.{8})(.{4})(.{4})(.{4})(.*)$/, "$1-$2-$3-$4-$5")}"`;
  }
  return (value) => `"${bytesOf(value).toString("base64")}"`;
};

/** IEEE 754 of 16 bits. */
const float16 = (bits: number): number => {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
};
