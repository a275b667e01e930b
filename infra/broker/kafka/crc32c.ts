/** Tables of the reflected Castagnoli polynomial, eight bytes at a time ("slicing by 8", Kounavis and Berry 2005). */
const tables = ((): Int32Array[] => {
  const first = new Int32Array(256);
  for (let i = 0; i < 256; i++) {
    let value = i;
    for (let bit = 0; bit < 8; bit++) value = (value & 1) === 0 ? value >>> 1 : (value >>> 1) ^ 0x82f63b78;
    first[i] = value;
  }
  const all = [first];
  for (let slice = 1; slice < 8; slice++) {
    const last = all[slice - 1];
    all.push(Int32Array.from({ length: 256 }, (_, i) => (last[i] >>> 8) ^ first[last[i] & 0xff]));
  }
  return all;
})();

const [t0, t1, t2, t3, t4, t5, t6, t7] = tables;

/** CRC-32C of `bytes[start, end)`, as record batches carry it. */
export const crc32c = (bytes: Uint8Array, start: number, end: number): number => {
  let crc = -1;
  let at = start;
  for (const whole = end - 7; at < whole; at += 8) {
    crc ^= bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
    crc =
      t7[crc & 0xff] ^
      t6[(crc >>> 8) & 0xff] ^
      t5[(crc >>> 16) & 0xff] ^
      t4[crc >>> 24] ^
      t3[bytes[at + 4]] ^
      t2[bytes[at + 5]] ^
      t1[bytes[at + 6]] ^
      t0[bytes[at + 7]];
  }
  for (; at < end; at++) crc = t0[(crc ^ bytes[at]) & 0xff] ^ (crc >>> 8);
  return ~crc >>> 0;
};
