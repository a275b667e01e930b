import type { Type } from "avsc";
import { avroLimits } from "./avro-limits.ts";
import { branchName, Mismatch, maxLong, shapeOf, widthOf, within } from "./avro-shape.ts";

/** Where a reader is: it never looks beyond `end`, and makes no more than `values`, however wrong the bytes are. */
export type Cursor = {
  bytes: Buffer;
  pos: number;
  end: number;
  /** Values that the record may still have. */
  values: number;
  /** Arrays, maps and unions around the value. */
  depth: number;
};

/** Puts a cursor at the beginning of a record, with what a record of its size may have. */
export const place = (cursor: Cursor, bytes: Buffer, start: number, end: number): Cursor => {
  cursor.bytes = bytes;
  cursor.pos = start;
  cursor.end = end;
  const allowed = avroLimits.emptyValues + avroLimits.valuesPerByte * (end - start);
  cursor.values = Math.min(allowed, avroLimits.values);
  cursor.depth = 0;
  return cursor;
};

export const cursorOver = (bytes: Buffer, start = 0, end = bytes.length): Cursor =>
  place({ bytes, pos: 0, end: 0, values: 0, depth: 0 }, bytes, start, end);

/** Reads one value and moves the cursor behind it. Throws `Mismatch`. */
export type Read = (cursor: Cursor) => unknown;

/**
 * A compiled reader of Avro's binary encoding (Avro 1.11 specification, "Binary Encoding") that gives plain objects.
 * avsc's own reader gives instances of generated classes, which CEL refuses; it reads past a record's end into the next
 * one of a batch; and it believes an array's length, so that 5 wrong bytes can ask for 2^31 items.
 */
export const avroReader = (type: Type): Read => {
  const known = readers.get(type);
  if (known !== undefined) return known;
  // Recursive types meet themselves while they are compiled.
  let compiled: Read | null = null;
  readers.set(type, (cursor) => (compiled as Read)(cursor));
  compiled = compile(type);
  readers.set(type, compiled);
  return compiled;
};

const readers = new WeakMap<Type, Read>();

const compile = (type: Type): Read => {
  const shape = shapeOf(type);
  switch (shape.kind) {
    case "null":
      return () => null;
    case "boolean":
      return readBoolean;
    case "int":
      return readInt;
    case "long":
      return readLong;
    case "float":
      return readFloat;
    case "double":
      return readDouble;
    case "bytes":
      return readBytes;
    case "string":
      return readString;
    case "record":
      return recordReader(shape.fields);
    case "enum":
      return (cursor) => pick(cursor, shape.symbols, "symbol");
    case "fixed":
      return (cursor) => copy(cursor, shape.size);
    case "array":
      return arrayReader(shape.items);
    case "map":
      return mapReader(shape.values);
    case "union":
      return unionReader(shape.branches, shape.wrapped);
  }
};

const take = (cursor: Cursor, length: number): number => {
  const start = cursor.pos;
  if (!(length >= 0 && start + length <= cursor.end)) {
    throw new Mismatch(`${length} bytes are announced, ${cursor.end - start} are left`);
  }
  cursor.pos = start + length;
  return start;
};

const readBoolean = (cursor: Cursor): boolean => {
  const byte = cursor.bytes[take(cursor, 1)];
  if (byte > 1) throw new Mismatch(`${byte} is not a boolean`);
  return byte === 1;
};

/** Zigzag variable-length integer; refused where a JavaScript number cannot hold it exactly. */
const readLong = (cursor: Cursor): number => {
  const { bytes, end } = cursor;
  let pos = cursor.pos;
  let bits = 0;
  for (let shift = 0; shift < 28; shift += 7) {
    if (pos >= end) throw new Mismatch("the bytes end within a number");
    const byte = bytes[pos++];
    bits |= (byte & 0x7f) << shift;
    if (byte < 0x80) {
      cursor.pos = pos;
      return (bits >>> 1) ^ -(bits & 1);
    }
  }
  // Without its lowest bit, the sign, the number stays within what a double holds exactly.
  let value = bits >>> 1;
  for (let weight = 2 ** 27; ; weight *= 128) {
    if (pos >= end) throw new Mismatch("the bytes end within a number");
    const byte = bytes[pos++];
    value += (byte & 0x7f) * weight;
    if (byte < 0x80) break;
    if (weight > 2 ** 62) throw new Mismatch("a number is longer than 10 bytes");
  }
  cursor.pos = pos;
  if (value > maxLong) throw new Mismatch("a number is beyond 2^53");
  return (bits & 1) === 0 ? value : -value - 1;
};

const readInt = (cursor: Cursor): number => {
  const value = readLong(cursor);
  if (value !== (value | 0)) throw new Mismatch(`${value} is not a 32-bit integer`);
  return value;
};

const readFloat = (cursor: Cursor): number => cursor.bytes.readFloatLE(take(cursor, 4));

const readDouble = (cursor: Cursor): number => cursor.bytes.readDoubleLE(take(cursor, 8));

const copy = (cursor: Cursor, length: number): Buffer => {
  const start = take(cursor, length);
  return Buffer.from(cursor.bytes.subarray(start, start + length));
};

const readBytes = (cursor: Cursor): Buffer => copy(cursor, readLong(cursor));

/** Short strings come again and again (airports, variants); a string made once costs a third, and no garbage. */
const internLength = 12;
const internMask = 0xfff;
const interned: string[] = new Array(internMask + 1).fill("");

const readString = (cursor: Cursor): string => {
  const length = readLong(cursor);
  const start = take(cursor, length);
  const { bytes } = cursor;
  const end = start + length;
  if (length > internLength) return bytes.toString("utf8", start, end);
  let hash = length;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i], 0x01000193);
  const slot = (hash ^ (hash >>> 15)) & internMask;
  const before = interned[slot];
  // Bytes over 127 never equal the characters that they encode together: such strings are made anew.
  if (before.length === length) {
    let i = 0;
    while (i < length && before.charCodeAt(i) === bytes[start + i] && bytes[start + i] < 0x80) i++;
    if (i === length) return before;
  }
  const text = bytes.toString("utf8", start, end);
  interned[slot] = text;
  return text;
};

const pick = <T>(cursor: Cursor, items: readonly T[], what: string): T => {
  const index = readLong(cursor);
  if (index < 0 || index >= items.length) throw new Mismatch(`${index} is not the index of a ${what}`);
  return items[index];
};

/**
 * Generated code, so that a record is one object literal of one hidden class. Names come from an avsc type, which has
 * checked that they are `[A-Za-z_][A-Za-z0-9_]*`.
 */
const recordReader = (fields: readonly { name: string; type: Type }[]): Read => {
  const names = fields.map(({ name }) => name);
  const reads = fields.map((_, i) => `field = ${i}; const value${i} = read${i}(cursor);`);
  const literal = names.map((name, i) => `${name}: value${i}`);
  const body = `return (cursor) => {
    let field = 0;
    try {
      ${reads.join("\n      ")}
      return { ${literal.join(", ")} };
    } catch (error) {
      throw within(error, names[field]);
    }
  };`;
  const make = new Function("within", "names", ...fields.map((_, i) => `read${i}`), body);
  return make(within, names, ...fields.map(({ type }) => avroReader(type))) as Read;
};

const charge = (cursor: Cursor, values: number): boolean => {
  cursor.values -= values;
  return cursor.values >= 0;
};

const enter = (cursor: Cursor): void => {
  if (++cursor.depth > avroLimits.depth) {
    throw new Mismatch(`it is nested too deeply, beyond ${avroLimits.depth} arrays, maps and unions`);
  }
};

/** The number of items in the next block; a negative one is followed by the block's size in bytes. */
const readCount = (cursor: Cursor, width: number): number => {
  let count = readLong(cursor);
  if (count < 0) {
    count = -count;
    readLong(cursor);
  }
  if (!charge(cursor, count * width)) {
    throw new Mismatch(`${count} items are announced, more than a record of its size may have`);
  }
  return count;
};

const arrayReader = (type: Type): Read => {
  const read = avroReader(type);
  const width = widthOf(type);
  return (cursor) => {
    const items: unknown[] = [];
    try {
      enter(cursor);
      for (let count = readCount(cursor, width); count > 0; count = readCount(cursor, width)) {
        for (let i = 0; i < count; i++) items.push(read(cursor));
      }
    } catch (error) {
      throw within(error, items.length);
    }
    cursor.depth--;
    return items;
  };
};

const mapReader = (type: Type): Read => {
  const read = avroReader(type);
  const width = widthOf(type);
  return (cursor) => {
    const entries: [string, unknown][] = [];
    let key = "";
    try {
      enter(cursor);
      for (let count = readCount(cursor, width); count > 0; count = readCount(cursor, width)) {
        for (let i = 0; i < count; i++) {
          key = readString(cursor);
          entries.push([key, read(cursor)]);
        }
      }
    } catch (error) {
      throw within(error, key);
    }
    cursor.depth--;
    return Object.fromEntries(entries);
  };
};

/** A union's branch. Only what can hold further values has a price: the usual `null` or number costs nothing. */
const branchReader = (type: Type): Read => {
  const read = avroReader(type);
  const { kind } = shapeOf(type);
  if (kind !== "record" && kind !== "array" && kind !== "map") return read;
  const width = widthOf(type);
  return (cursor) => {
    enter(cursor);
    if (!charge(cursor, width)) throw new Mismatch("there are more values than a record of its size may have");
    const value = read(cursor);
    cursor.depth--;
    return value;
  };
};

const unionReader = (branches: readonly Type[], wrapped: boolean): Read => {
  const reads = branches.map(branchReader);
  if (!wrapped) return (cursor) => pick(cursor, reads, "branch")(cursor);
  const tagged = branches.map((branch, i): Read => {
    const name = branchName(branch);
    return name === "null" ? reads[i] : (cursor) => ({ [name]: reads[i](cursor) });
  });
  return (cursor) => pick(cursor, tagged, "branch")(cursor);
};
