/**
 * CityHash128 of version 1.0.2, which ClickHouse keeps: later versions answer otherwise. Little-endian; low half first.
 * After the reference implementation by G. Pike and J. Alakuijala (city.cc). Goldens: `clickhouse-cityhash` of PyPI.
 */
export const cityHash128 = (bytes: Buffer): [low: bigint, high: bigint] => {
  const { length } = bytes;
  if (length >= 16) return withSeed(bytes.subarray(16), word(bytes, 0) ^ k3, word(bytes, 8));
  if (length >= 8) {
    return withSeed(bytes.subarray(0, 0), word(bytes, 0) ^ mul(BigInt(length), k0), word(bytes, length - 8) ^ k1);
  }
  return withSeed(bytes, k0, k1);
};

const k0 = 0xc3a5c85c97cb3127n;
const k1 = 0xb492b66fbe98f273n;
const k2 = 0x9ae16a3b2f90404fn;
const k3 = 0xc949d7c7509e6557n;
const murmur = 0x9ddfea08eb382d69n;

const word = (bytes: Buffer, at: number): bigint => bytes.readBigUInt64LE(at);
const add = (a: bigint, b: bigint): bigint => BigInt.asUintN(64, a + b);
const mul = (a: bigint, b: bigint): bigint => BigInt.asUintN(64, a * b);
const rotate = (value: bigint, by: bigint): bigint => BigInt.asUintN(64, (value >> by) | (value << (64n - by)));
const mix = (value: bigint): bigint => value ^ (value >> 47n);

const hash16 = (low: bigint, high: bigint): bigint => {
  const a = mix(mul(low ^ high, murmur));
  return mul(mix(mul(high ^ a, murmur)), murmur);
};

const hashTo16 = (bytes: Buffer): bigint => {
  const { length } = bytes;
  const size = BigInt(length);
  if (length > 8) {
    const end = word(bytes, length - 8);
    return hash16(word(bytes, 0), rotate(add(end, size), size)) ^ end;
  }
  if (length >= 4) {
    return hash16(add(size, BigInt(bytes.readUInt32LE(0)) << 3n), BigInt(bytes.readUInt32LE(length - 4)));
  }
  if (length === 0) return k2;
  const start = BigInt(bytes[0] + bytes[length >> 1] * 256);
  return mul(mix(mul(start, k2) ^ mul(BigInt(length + bytes[length - 1] * 4), k3)), k2);
};

/** Fewer than 128 bytes. */
const cityMurmur = (bytes: Buffer, low: bigint, high: bigint): [bigint, bigint] => {
  const { length } = bytes;
  let [a, b] = [low, high];
  let c: bigint;
  let d: bigint;
  if (length <= 16) {
    a = mul(mix(mul(a, k1)), k1);
    c = add(mul(b, k1), hashTo16(bytes));
    d = mix(add(a, length >= 8 ? word(bytes, 0) : c));
  } else {
    c = hash16(add(word(bytes, length - 8), k1), a);
    d = hash16(add(b, BigInt(length)), add(c, word(bytes, length - 16)));
    a = add(a, d);
    for (let at = 0; at < length - 16; at += 16) {
      a = mul(a ^ mul(mix(mul(word(bytes, at), k1)), k1), k1);
      b ^= a;
      c = mul(c ^ mul(mix(mul(word(bytes, at + 8), k1)), k1), k1);
      d ^= c;
    }
  }
  a = hash16(a, c);
  b = hash16(d, b);
  return [a ^ b, hash16(b, a)];
};

const withSeed = (bytes: Buffer, low: bigint, high: bigint): [bigint, bigint] => {
  if (bytes.length < 128) return cityMurmur(bytes, low, high);
  let [x, y, z] = [low, high, mul(BigInt(bytes.length), k1)];
  let v0 = add(mul(rotate(y ^ k1, 49n), k1), word(bytes, 0));
  let v1 = add(mul(rotate(v0, 42n), k1), word(bytes, 8));
  let w0 = add(mul(rotate(add(y, z), 35n), k1), x);
  let w1 = mul(rotate(add(x, word(bytes, 88)), 53n), k1);
  let a = 0n;
  let b = 0n;
  /** Of 32 bytes, with the seeds in `a` and `b`; leaves its answer there. */
  const weak = (at: number): void => {
    const last = word(bytes, at + 24);
    a = add(a, word(bytes, at));
    b = rotate(add(add(b, a), last), 21n);
    const first = a;
    a = add(add(a, word(bytes, at + 8)), word(bytes, at + 16));
    b = add(add(b, rotate(a, 44n)), first);
    a = add(a, last);
  };
  let at = 0;
  for (const end = bytes.length & ~127; at < end; at += 64) {
    x = mul(rotate(add(add(x, y), add(v0, word(bytes, at + 16))), 37n), k1);
    y = mul(rotate(add(add(y, v1), word(bytes, at + 48)), 42n), k1);
    x ^= w1;
    y ^= v0;
    z = rotate(z ^ w0, 33n);
    [a, b] = [mul(v1, k1), add(x, w0)];
    weak(at);
    [v0, v1, a, b] = [a, b, add(z, w1), y];
    weak(at + 32);
    [w0, w1] = [a, b];
    [z, x] = [x, z];
  }
  y = add(y, add(mul(rotate(w0, 37n), k0), z));
  x = add(x, mul(rotate(add(v0, z), 49n), k0));
  const left = bytes.length - at;
  for (let done = 32; done < left + 32; done += 32) {
    const from = bytes.length - done;
    y = add(mul(rotate(BigInt.asUintN(64, y - x), 42n), k0), v1);
    w0 = add(w0, word(bytes, from + 16));
    x = add(mul(rotate(x, 49n), k0), w0);
    w0 = add(w0, v0);
    [a, b] = [v0, v1];
    weak(from);
    [v0, v1] = [a, b];
  }
  x = hash16(x, v0);
  y = hash16(y, w0);
  return [add(hash16(add(x, v1), w1), y), hash16(add(x, w1), add(y, v1))];
};
