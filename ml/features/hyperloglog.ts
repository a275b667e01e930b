import type { BlobReader, BlobWriter } from "./bytes.ts";

/**
 * HyperLogLog (Flajolet et al. 2007) with 2^10 registers and linear counting for small sets: standard error 3.25 %,
 * nearly exact below a hundred. Merging takes the maximum of each register, so order and repetition do not matter.
 * Few registers are kept as a list of (register << 6 | rank), more in a dense array.
 */
export type HyperLogLog = { sparse: number[]; dense: Uint8Array | null };

const REGISTERS = 1024;
const SPARSE_LIMIT = 48;
/** Bias correction for 1024 registers. */
const ALPHA = 0.7213 / (1 + 1.079 / REGISTERS);

export const hyperLogLog = (): HyperLogLog => ({ sparse: [], dense: null });

export const addDistinct = (sketch: HyperLogLog, value: number | string): void =>
  addEntry(sketch, distinctEntry(value));

/** All that a sketch keeps of a value: `register << 6 | rank`. */
export const distinctEntry = (value: number | string): number => {
  const hash = typeof value === "string" ? hashText(value) : hashNumber(value);
  const register = hash.high >>> 22;
  // Rank: the place of the first 1 bit among the remaining 22 + 32 bits.
  const rest = (hash.high << 10) >>> 0;
  const rank = rest !== 0 ? Math.clz32(rest) + 1 : 22 + Math.clz32(hash.low) + 1;
  return (register << 6) | rank;
};

export const addEntry = (sketch: HyperLogLog, entry: number): void => raise(sketch, entry >>> 6, entry & 63);

const raise = (sketch: HyperLogLog, register: number, rank: number): void => {
  if (sketch.dense !== null) {
    if (sketch.dense[register] < rank) sketch.dense[register] = rank;
    return;
  }
  const { sparse } = sketch;
  for (let i = 0; i < sparse.length; i++) {
    if (sparse[i] >>> 6 === register) {
      if ((sparse[i] & 63) < rank) sparse[i] = (register << 6) | rank;
      return;
    }
  }
  sparse.push((register << 6) | rank);
  if (sparse.length > SPARSE_LIMIT) {
    const dense = new Uint8Array(REGISTERS);
    for (const entry of sparse) dense[entry >>> 6] = entry & 63;
    sketch.dense = dense;
    sketch.sparse = [];
  }
};

export const mergeDistinct = (into: HyperLogLog, from: HyperLogLog): void => {
  for (const entry of from.sparse) raise(into, entry >>> 6, entry & 63);
  if (from.dense === null) return;
  for (let register = 0; register < REGISTERS; register++) {
    if (from.dense[register] > 0) raise(into, register, from.dense[register]);
  }
};

/** The estimated number of distinct values, rounded. */
export const estimateDistinct = (sketch: HyperLogLog): number => {
  if (sketch.dense === null) {
    return Math.round(REGISTERS * Math.log(REGISTERS / (REGISTERS - sketch.sparse.length)));
  }
  let zeros = 0;
  let inverse = 0;
  for (let register = 0; register < REGISTERS; register++) {
    const rank = sketch.dense[register];
    if (rank === 0) zeros++;
    inverse += 2 ** -rank;
  }
  const raw = (ALPHA * REGISTERS * REGISTERS) / inverse;
  const small = raw <= 2.5 * REGISTERS && zeros > 0;
  return Math.round(small ? REGISTERS * Math.log(REGISTERS / zeros) : raw);
};

/** Registers in order, so that equal sketches have equal bytes however they came about. */
export const writeDistinct = (sketch: HyperLogLog, to: BlobWriter): void => {
  const entries = sketch.sparse.slice().sort((a, b) => a - b);
  if (sketch.dense !== null) {
    for (let register = 0; register < REGISTERS; register++) {
      if (sketch.dense[register] > 0) entries.push((register << 6) | sketch.dense[register]);
    }
  }
  to.varint(entries.length);
  let last = 0;
  for (const entry of entries) {
    to.varint(entry - last);
    last = entry;
  }
};

export const readDistinct = (from: BlobReader): HyperLogLog => {
  const sketch = hyperLogLog();
  let entry = 0;
  for (let left = from.varint(); left > 0; left--) {
    entry += from.varint();
    raise(sketch, entry >>> 6, entry & 63);
  }
  return sketch;
};

const hashed = { high: 0, low: 0 };
const number = new Float64Array(1);
const words = new Uint32Array(number.buffer);

const hashNumber = (value: number): typeof hashed => {
  number[0] = value;
  return finish(Math.imul(words[0] ^ 0x9e3779b9, 0x85ebca6b), words[1] ^ 0x51ed270b);
};

/** Two FNV-1a-like lanes over the UTF-16 units, then mixed. */
const hashText = (text: string): typeof hashed => {
  let a = 0x811c9dc5;
  let b = 0x9747b28c;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    a = Math.imul(a ^ unit, 0x01000193);
    b = Math.imul(b ^ unit, 0x5bd1e995) ^ (b >>> 13);
  }
  return finish(a, b ^ text.length);
};

/** Spreads both lanes over both words with murmur3's finalizer. */
const finish = (a: number, b: number): typeof hashed => {
  const high = mix(a ^ Math.imul(b, 0xcc9e2d51));
  hashed.high = high;
  hashed.low = mix(b ^ Math.imul(high, 0x1b873593)) >>> 0;
  return hashed;
};

const mix = (h: number): number => {
  let x = h;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
};
