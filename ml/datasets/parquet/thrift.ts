/** Thrift's compact protocol, as much of it as the description of a Parquet file needs. */

/** Wire types of fields and of list items. */
const wire = {
  true: 1,
  false: 2,
  i8: 3,
  i32: 5,
  i64: 6,
  double: 7,
  binary: 8,
  list: 9,
  set: 10,
  struct: 12,
  uuid: 13,
} as const;

/** Structs within structs: the bytes decide how deep it goes. */
const MAX_DEPTH = 32;

export type ThriftReader = {
  position(): number;
  /** The fields of a struct, one after the other; what the visitor does not read is passed over. */
  struct(visit: (id: number, type: number) => void): void;
  /** Calls the visitor for each item of a list. */
  list(visit: () => void): void;
  /** A zigzag integer, exact up to 2^53. */
  integer(): number;
  /** The value of a field of type i8. */
  byte(): number;
  text(): string;
  /** The value of a boolean field, which its type is. */
  truth(type: number): boolean;
};

/** Throws RangeError where the bytes are no Thrift, or are nested without end. */
export const thriftReader = (bytes: Buffer, start = 0): ThriftReader => {
  let at = start;
  let depth = 0;
  const byte = (): number => {
    if (at >= bytes.length) throw new RangeError("it ends within a value");
    return bytes[at++];
  };
  const varint = (): number => {
    let value = 0;
    for (let i = 0, factor = 1; i < 10; i++, factor *= 128) {
      const part = byte();
      value += (part & 127) * factor;
      if (part < 128) return value;
    }
    throw new RangeError("a number is longer than 10 bytes");
  };
  const integer = (): number => {
    const value = varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  };
  const pass = (length: number): number => {
    const from = at;
    if (from + length > bytes.length) throw new RangeError(`${length} bytes are announced, and are not there`);
    at += length;
    return from;
  };
  const items = (visit: (type: number) => void): void => {
    const head = byte();
    const count = head >> 4 === 15 ? varint() : head >> 4;
    if (count > bytes.length - at) throw new RangeError(`${count} items are announced, and are not there`);
    for (let i = 0; i < count; i++) visit(head & 15);
  };
  const skip = (type: number, isItem = false): void => {
    if (type === wire.true || type === wire.false) pass(isItem ? 1 : 0);
    else if (type === wire.i8) pass(1);
    else if (type > wire.i8 && type <= wire.i64) varint();
    else if (type === wire.double) pass(8);
    else if (type === wire.binary) pass(varint());
    else if (type === wire.uuid) pass(16);
    else if (type === wire.list || type === wire.set) nested(() => items((item) => skip(item, true)));
    else if (type === wire.struct) struct(() => undefined);
    else throw new RangeError(`a field of type ${type}`);
  };
  const nested = (read: () => void): void => {
    if (++depth > MAX_DEPTH) throw new RangeError(`it is nested more than ${MAX_DEPTH} deep`);
    read();
    depth--;
  };
  const struct = (visit: (id: number, type: number) => void): void =>
    nested(() => {
      let id = 0;
      for (let head = byte(); head !== 0; head = byte()) {
        id = head >> 4 === 0 ? integer() : id + (head >> 4);
        const before = at;
        visit(id, head & 15);
        if (at === before) skip(head & 15);
      }
    });
  return {
    position: () => at,
    struct,
    list: (visit) => items(visit),
    integer,
    byte,
    truth: (type) => type === wire.true,
    text: () => {
      const length = varint();
      const from = pass(length);
      return bytes.toString("utf8", from, from + length);
    },
  };
};

const varintBytes = (value: number): number[] => {
  const bytes: number[] = [];
  let left = value;
  for (; left > 127; left = Math.floor(left / 128)) bytes.push((left % 128) | 128);
  return [...bytes, left];
};

const zigzag = (value: number): number[] => varintBytes(value >= 0 ? value * 2 : -value * 2 - 1);

/** The bytes of a struct whose fields, in ascending order, are integers (i32), texts, or structs that are bytes already. */
export const thriftStruct = (fields: readonly (readonly [id: number, value: number | string | Buffer])[]): Buffer => {
  const parts: Buffer[] = [];
  let before = 0;
  for (const [id, value] of fields) {
    const type = typeof value === "number" ? wire.i32 : typeof value === "string" ? wire.binary : wire.struct;
    parts.push(Buffer.from([((id - before) << 4) | type]));
    before = id;
    if (typeof value === "number") parts.push(Buffer.from(zigzag(value)));
    else if (typeof value === "string") {
      parts.push(Buffer.from(varintBytes(Buffer.byteLength(value))), Buffer.from(value));
    } else parts.push(value);
  }
  return Buffer.concat([...parts, Buffer.of(0)]);
};

/** The bytes of a list of structs. */
export const thriftList = (structs: readonly Buffer[]): Buffer => {
  const count = structs.length;
  const head = count < 15 ? [(count << 4) | wire.struct] : [0xf0 | wire.struct, ...varintBytes(count)];
  return Buffer.concat([Buffer.from(head), ...structs]);
};
