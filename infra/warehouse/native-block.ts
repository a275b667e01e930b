import { type RowBinaryWriter, rowBinaryWriter } from "./row-binary.ts";

/**
 * One block of ClickHouse's Native format: rows by column. Its values are RowBinary's; what repeats is sent once, and
 * the warehouse takes the columns as they are. The columns of a row may be written in any order, each once.
 */
export type NativeBlock = {
  readonly rows: number;
  /** Bytes so far, about. */
  readonly length: number;
  /** The row that was begun is whole. */
  endRow(): void;
  /** Forgets the row that was begun, as far as it came. */
  dropRow(): void;
  /** Valid until the next row or reset. */
  bytes(): Buffer;
  reset(): void;
};

export type NativeColumn = {
  name: string;
  type: string;
  readonly length: number;
  /** Keeps so many rows. */
  keep(rows: number): void;
  reset(): void;
  writeTo(out: RowBinaryWriter, rows: number): void;
};

export const nativeBlock = (columns: readonly NativeColumn[]): NativeBlock => {
  const out = rowBinaryWriter(1 << 20);
  let rows = 0;
  return {
    get rows() {
      return rows;
    },
    get length() {
      let sum = 0;
      for (const column of columns) sum += column.length;
      return sum;
    },
    endRow() {
      rows++;
    },
    dropRow() {
      for (const column of columns) column.keep(rows);
    },
    bytes() {
      out.reset();
      out.varint(columns.length);
      out.varint(rows);
      for (const column of columns) {
        out.string(column.name);
        out.string(column.type);
        column.writeTo(out, rows);
      }
      return out.bytes();
    },
    reset() {
      for (const column of columns) column.reset();
      rows = 0;
    },
  };
};

/** Numbers, times and UUIDs, each of so many bytes, as RowBinary has them. */
export const numberColumn = (
  name: string,
  type: string,
  size: 1 | 4 | 8 | 16 | 32,
): NativeColumn & { to: RowBinaryWriter } => {
  const to = rowBinaryWriter(1 << 16);
  return {
    name,
    type,
    to,
    get length() {
      return to.length;
    },
    keep: (rows) => to.truncate(rows * size),
    reset: () => to.reset(),
    writeTo: (out) => append(out, to),
  };
};

export const boolColumn = (name: string) => numberColumn(name, "Bool", 1);
export const int32Column = (name: string) => numberColumn(name, "Int32", 4);
export const int64Column = (name: string) => numberColumn(name, "Int64", 8);
export const float64Column = (name: string) => numberColumn(name, "Float64", 8);
export const timeColumn = (name: string) => numberColumn(name, "DateTime64(3, 'UTC')", 8);

export const stringColumn = (name: string): NativeColumn & { to: RowBinaryWriter } => {
  const to = rowBinaryWriter(1 << 16);
  const ends = endsOfStrings(to);
  return {
    name,
    type: "String",
    to,
    get length() {
      return to.length;
    },
    keep: (rows) => to.truncate(ends.of(rows)),
    reset() {
      to.reset();
      ends.reset();
    },
    writeTo: (out) => append(out, to),
  };
};

/** Where strings end, found by their lengths from the last place that was asked for: nothing is kept a row. */
const endsOfStrings = (strings: RowBinaryWriter) => {
  let known = 0;
  let at = 0;
  return {
    of(count: number): number {
      const bytes = strings.bytes();
      for (; known < count; known++) {
        let length = 0;
        let factor = 1;
        for (; bytes[at] > 127; at++) {
          length += (bytes[at] & 127) * factor;
          factor *= 128;
        }
        length += bytes[at++] * factor;
        at += length;
      }
      return at;
    },
    reset() {
      known = 0;
      at = 0;
    },
  };
};

/** Strings of which few differ: each once, and an index a row. */
export type Dictionary = {
  /** The index of a string, for `push`; valid until the next reset. */
  indexOf(text: string): number;
  push(index: number): void;
  /** A string whose UTF-8 bytes are at hand. */
  stringBytes(source: Buffer, start: number, end: number): void;
};

/** SerializationLowCardinality.cpp: shared dictionaries with additional keys; keys follow, of this block alone. */
const keysVersion = 1;
const hasOwnKeys = (1 << 9) | (1 << 10);

const mostFew = 4;

const isAt = (source: Buffer, start: number, end: number, wanted: Buffer): boolean => {
  const { length } = wanted;
  if (end - start !== length) return false;
  for (let i = 0; i < length; i++) if (source[start + i] !== wanted[i]) return false;
  return true;
};

export const dictionaryColumn = (name: string): NativeColumn & { to: Dictionary } => {
  const keys = rowBinaryWriter(1 << 10);
  const known = new Map<string, number>();
  /** The first few, which are mostly all: compared byte by byte. */
  let few: Buffer[] = [];
  let indexes = new Uint32Array(1 << 14);
  let count = 0;
  let last = 0;

  const push = (index: number): void => {
    if (count === indexes.length) {
      const grown = new Uint32Array(count * 2);
      grown.set(indexes);
      indexes = grown;
    }
    indexes[count++] = index;
  };
  /** By its bytes as Latin-1, so that no two strings are taken for one. */
  const indexOf = (source: Buffer, start: number, end: number): number => {
    const text = source.toString("latin1", start, end);
    let index = known.get(text);
    if (index === undefined) {
      index = known.size;
      known.set(text, index);
      keys.stringBytes(source, start, end);
      if (few.length < mostFew) few.push(Buffer.from(source.subarray(start, end)));
    }
    return index;
  };
  return {
    name,
    type: "LowCardinality(String)",
    to: {
      indexOf(text) {
        const bytes = Buffer.from(text);
        return indexOf(bytes, 0, bytes.length);
      },
      push,
      stringBytes(source, start, end) {
        if (last < few.length && isAt(source, start, end, few[last])) {
          push(last);
          return;
        }
        let found = 0;
        while (found < few.length && !isAt(source, start, end, few[found])) found++;
        last = found < few.length ? found : indexOf(source, start, end);
        push(last);
      },
    },
    get length() {
      return count + keys.length;
    },
    keep(rows) {
      count = rows;
    },
    reset() {
      keys.reset();
      known.clear();
      few = [];
      count = 0;
    },
    writeTo(out, rows) {
      out.i64(keysVersion);
      if (rows === 0) return;
      const width = known.size <= 256 ? 0 : known.size <= 65_536 ? 1 : 2;
      out.i64(hasOwnKeys | width);
      out.i64(known.size);
      append(out, keys);
      out.i64(rows);
      const own = indexes.subarray(0, rows);
      const narrow = width === 0 ? new Uint8Array(own) : width === 1 ? new Uint16Array(own) : own;
      out.raw(new Uint8Array(narrow.buffer, narrow.byteOffset, narrow.byteLength), 0, narrow.byteLength);
    },
  };
};

/** What `AvroCursor` needs to write an array: its count, then its items. */
export type ArrayWriter = Pick<RowBinaryWriter, "length" | "truncate" | "varint" | "raw">;

/** One field of an array's items. */
export type ItemField = { to: RowBinaryWriter; keep(items: number): void; reset(): void };

/** Arrays: where each ends, then the items of all; an item that is a tuple has a column a field. */
export const arrayColumn = (
  name: string,
  type: string,
  fields: readonly ItemField[],
): NativeColumn & { to: ArrayWriter } => {
  const ends = rowBinaryWriter(1 << 16);
  const items = fields[0].to;
  let total = 0;
  const keep = (arrays: number): void => {
    if (arrays * 8 >= ends.length) return;
    total = arrays === 0 ? 0 : Number(ends.bytes().readBigUInt64LE(arrays * 8 - 8));
    ends.truncate(arrays * 8);
    for (const field of fields) field.keep(total);
  };
  return {
    name,
    type,
    to: {
      get length() {
        return ends.length;
      },
      truncate: (length) => keep(length / 8),
      varint(count) {
        total += count;
        ends.i64(total);
      },
      raw: (source, start, end) => items.raw(source, start, end),
    },
    get length() {
      let sum = ends.length;
      for (const field of fields) sum += field.to.length;
      return sum;
    },
    keep,
    reset() {
      ends.reset();
      for (const field of fields) field.reset();
      total = 0;
    },
    writeTo(out) {
      append(out, ends);
      for (const field of fields) append(out, field.to);
    },
  };
};

const append = (out: RowBinaryWriter, from: RowBinaryWriter): void => {
  const bytes = from.bytes();
  out.raw(bytes, 0, bytes.length);
};
