/** Zigzag varints, as records have them. Any whole number up to 2^52 in size; fast where it fits in 31 bits. */

const SMALL = 2 ** 30;

const zigzag = (value: number): number => (value < 0 ? -value * 2 - 1 : value * 2);

export const varintSize = (value: number): number => {
  if (value < SMALL && value >= -SMALL) {
    const bits = 32 - Math.clz32((value << 1) ^ (value >> 31));
    return bits <= 7 ? 1 : Math.ceil(bits / 7);
  }
  let size = 1;
  for (let rest = zigzag(value); rest >= 128; rest = Math.floor(rest / 128)) size++;
  return size;
};

/** Answers where the next byte goes. */
export const putVarint = (to: Uint8Array, at: number, value: number): number => {
  let next = at;
  if (value < SMALL && value >= -SMALL) {
    let rest = ((value << 1) ^ (value >> 31)) >>> 0;
    while (rest >= 128) {
      to[next++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    to[next] = rest;
    return next + 1;
  }
  let rest = zigzag(value);
  while (rest >= 128) {
    to[next++] = (rest % 128) | 0x80;
    rest = Math.floor(rest / 128);
  }
  to[next] = rest;
  return next + 1;
};

/** Reads varints one after the other. */
export type VarintReader = { bytes: Uint8Array; at: number };

export const readVarint = (from: VarintReader): number => {
  const { bytes } = from;
  let byte = bytes[from.at++];
  let value = byte & 0x7f;
  for (let shift = 7; byte >= 128; shift += 7) {
    byte = bytes[from.at++];
    if (shift >= 28) return readLong(from, value, byte);
    value |= (byte & 0x7f) << shift;
  }
  return (value >>> 1) ^ -(value & 1);
};

/** From the fifth byte on: beyond what shifts of 32 bits can hold. */
const readLong = (from: VarintReader, low: number, fifth: number): number => {
  const { bytes } = from;
  let byte = fifth;
  let value = low + (byte & 0x7f) * 2 ** 28;
  for (let scale = 2 ** 35; byte >= 128; scale *= 128) {
    byte = bytes[from.at++];
    value += (byte & 0x7f) * scale;
  }
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
};
