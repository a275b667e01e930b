/**
 * Told of each field of a message: its number and where its bytes lie in a length-delimited one, else -1 and -1 and
 * the value of a varint (NaN for fixed-size fields).
 */
export type FieldVisitor = (field: number, start: number, end: number, value: number) => void;

const cutOff = (): RangeError => new RangeError("a protobuf message is cut off");

/** Where the varint read last has ended. A result of two values would be an object for each field. */
let varintEnd = 0;

/** A varint as the signed 64-bit integer that it encodes; exact up to 2^53. */
const readVarint = (bytes: Buffer, at: number, end: number): number => {
  let value = 0;
  let scale = 1;
  for (let i = at; i < end; i++) {
    const byte = bytes[i];
    if (i - at === 7) return longVarint(bytes, at, end);
    value += (byte & 127) * scale;
    if (byte < 128) {
      varintEnd = i + 1;
      return value;
    }
    scale *= 128;
  }
  throw cutOff();
};

const longVarint = (bytes: Buffer, at: number, end: number): number => {
  let value = 0n;
  for (let i = at; i < Math.min(end, at + 10); i++) {
    value |= BigInt(bytes[i] & 127) << BigInt(7 * (i - at));
    if (bytes[i] < 128) {
      varintEnd = i + 1;
      return Number(BigInt.asIntN(64, value));
    }
  }
  throw cutOff();
};

const largestTag = 2 ** 32 - 1;

/** Walks the fields of the message that lies in these bytes. RangeError where they are no protobuf message. */
export const eachField = (bytes: Buffer, start: number, end: number, visit: FieldVisitor): void => {
  let at = start;
  while (at < end) {
    const tag = readVarint(bytes, at, end);
    at = varintEnd;
    if (tag < 8 || tag > largestTag) throw new RangeError("a protobuf message has a field without a number");
    const field = Math.floor(tag / 8);
    const wire = tag % 8;
    if (wire === 0) {
      const value = readVarint(bytes, at, end);
      at = varintEnd;
      visit(field, -1, -1, value);
      continue;
    }
    let size = wire === 1 ? 8 : wire === 5 ? 4 : -1;
    if (wire === 2) {
      size = readVarint(bytes, at, end);
      at = varintEnd;
    }
    if (size < 0 || size > end - at) throw cutOff();
    if (wire === 2) visit(field, at, at + size, Number.NaN);
    else visit(field, -1, -1, Number.NaN);
    at += size;
  }
};

/** The varints of a packed field, one after the other. */
export const eachPacked = (bytes: Buffer, start: number, end: number, visit: (value: number) => void): void => {
  let at = start;
  while (at < end) {
    const value = readVarint(bytes, at, end);
    at = varintEnd;
    visit(value);
  }
};
