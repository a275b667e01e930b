import { MillraceError } from "../../schemas/errors.ts";

/**
 * Numbers in few bytes: unsigned varints (7 bits a byte, low first, to 2^53), and doubles: an integer up to 2^50 is a
 * varint of twice its zigzag form; odd varints mark what follows: 1 infinity, 3 -infinity, 5 eight bytes, 7 four bytes.
 */
export type BlobWriter = {
  varint(value: number): void;
  /** Any double but NaN and -0, which no accumulator holds. */
  number(value: number): void;
  byte(value: number): void;
  /** Starts over; what `bytes` answered before is overwritten. */
  reset(): void;
  /** What was written since the reset: a view, not a copy. */
  bytes(): Buffer;
};

const INTEGER_LIMIT = 2 ** 50;
const SMALL = 2 ** 28;
const LONGEST = 16;

export const blobWriter = (): BlobWriter => {
  let buffer = Buffer.allocUnsafe(4096);
  let at = 0;

  const reserve = (): void => {
    if (at + LONGEST <= buffer.length) return;
    const larger = Buffer.allocUnsafe(buffer.length * 2);
    buffer.copy(larger, 0, 0, at);
    buffer = larger;
  };

  const varint = (value: number): void => {
    reserve();
    let rest = value;
    while (rest >= 0x10000000) {
      buffer[at++] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    while (rest >= 128) {
      buffer[at++] = (rest & 127) | 128;
      rest >>>= 7;
    }
    buffer[at++] = rest;
  };

  const number = (value: number): void => {
    const integer = value | 0;
    if (integer === value && integer < SMALL && integer > -SMALL) {
      // The usual case in 32-bit arithmetic.
      reserve();
      let rest = integer >= 0 ? integer << 2 : (-integer << 2) - 2;
      while (rest >= 128) {
        buffer[at++] = (rest & 127) | 128;
        rest >>>= 7;
      }
      buffer[at++] = rest;
    } else if (Number.isInteger(value) && value <= INTEGER_LIMIT && value >= -INTEGER_LIMIT) {
      varint(value >= 0 ? value * 4 : value * -4 - 2);
    } else if (value === Number.POSITIVE_INFINITY) {
      varint(1);
    } else if (value === Number.NEGATIVE_INFINITY) {
      varint(3);
    } else if (Math.fround(value) === value) {
      varint(7);
      at = buffer.writeFloatLE(value, at);
    } else {
      varint(5);
      at = buffer.writeDoubleLE(value, at);
    }
  };

  return {
    varint,
    number,
    byte: (value) => {
      reserve();
      buffer[at++] = value;
    },
    reset: () => {
      at = 0;
    },
    bytes: () => buffer.subarray(0, at),
  };
};

export type BlobReader = { varint(): number; number(): number; byte(): number; readonly left: number };

/** UNDECODABLE_RECORD where the bytes end too early. */
export const blobReader = (buffer: Buffer): BlobReader => {
  let at = 0;

  const byte = (): number => {
    if (at >= buffer.length) throw truncated();
    return buffer[at++];
  };

  const varint = (): number => {
    let value = 0;
    let scale = 1;
    for (;;) {
      const next = byte();
      value += (next & 127) * scale;
      if (next < 128) return value;
      scale *= 128;
    }
  };

  const number = (): number => {
    const code = varint();
    if (code % 2 === 0) return code % 4 === 0 ? code / 4 : -(code + 2) / 4;
    if (code === 1) return Number.POSITIVE_INFINITY;
    if (code === 3) return Number.NEGATIVE_INFINITY;
    const length = code === 7 ? 4 : 8;
    if (at + length > buffer.length) throw truncated();
    at += length;
    return code === 7 ? buffer.readFloatLE(at - 4) : buffer.readDoubleLE(at - 8);
  };

  return {
    varint,
    number,
    byte,
    get left() {
      return buffer.length - at;
    },
  };
};

const truncated = (): MillraceError =>
  new MillraceError("UNDECODABLE_RECORD", "A feature state blob ends too early; rebuild the state from its log.");
