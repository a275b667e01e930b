import { MillraceError } from "./errors.ts";

/**
 * Numbers of a sketch in few bytes: mostly small counts and long runs of zeros.
 * A varint token t: t = 2n, n >= 1: n zeros; t = 1: a raw little-endian double follows; t = 2v + 1, v >= 1: the integer v.
 */
export const packNumbers = (values: Float64Array): Buffer => {
  const out = Buffer.allocUnsafe(values.length * 9 + 9);
  let at = 0;
  const varint = (value: number): void => {
    let left = value;
    while (left > 127) {
      out[at++] = (left % 128) | 128;
      left = Math.floor(left / 128);
    }
    out[at++] = left;
  };
  for (let i = 0; i < values.length; ) {
    const value = values[i];
    if (value === 0 && !Object.is(value, -0)) {
      let run = 1;
      while (i + run < values.length && values[i + run] === 0) run++;
      varint(run * 2);
      i += run;
      continue;
    }
    if (value > 0 && value < 1e15 && Number.isInteger(value)) {
      varint(value * 2 + 1);
    } else {
      out[at++] = 1;
      at = out.writeDoubleLE(value, at);
    }
    i++;
  }
  return Buffer.from(out.subarray(0, at));
};

/** A tile has as many numbers as its model has columns and these have bins. */
const mostNumbers = 4_194_304;

const damaged = (): MillraceError =>
  new MillraceError("UNDECODABLE_RECORD", "the numbers of a sketch are not what their length says");

/** Inverse of `packNumbers`; `length` is how many numbers were packed. UNDECODABLE_RECORD. */
export const unpackNumbers = (bytes: Uint8Array, length: number): Float64Array => {
  if (!(length >= 0 && length <= mostNumbers)) throw damaged();
  const values = new Float64Array(length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  let i = 0;
  while (i < length) {
    let token = 0;
    let factor = 1;
    for (;;) {
      if (at >= bytes.length) throw damaged();
      const byte = bytes[at++];
      token += (byte & 127) * factor;
      if (byte < 128) break;
      factor *= 128;
    }
    // A run of no zeros would go on for ever.
    if (token === 0 || (token === 1 && at + 8 > bytes.length)) throw damaged();
    if (token === 1) {
      values[i++] = view.getFloat64(at, true);
      at += 8;
    } else if (token % 2 === 1) {
      values[i++] = (token - 1) / 2;
    } else {
      i += token / 2;
    }
  }
  return values;
};
