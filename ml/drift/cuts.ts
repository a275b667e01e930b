import { maxBins } from "./reference.ts";

/** Rows looked at for the quantiles, evenly spread; whether there are few values is seen in all. */
const sampleRows = 100_000;

/** Quantiles that part the values, beside the two cuts that leave the outer bins open. */
const ranks = maxBins - 2;

/** Values that can have a cut on either side, and those that can have one at all with one below the least. */
const mostAlone = (maxBins - 1) >> 1;
const mostOwn = maxBins - 2;

/** One column of row-major values, or the outputs: `values[first + i * step]` for i < rows. */
export type Strided = { values: Float32Array; first: number; step: number; rows: number };

const float = new Float32Array(1);
const bits = new Int32Array(float.buffer);

/** The greatest float32 below a finite one: -Infinity below the least. */
export const floatBelow = (value: number): number => {
  float[0] = value;
  if (value === 0) bits[0] = -0x7fffffff;
  else bits[0] += value > 0 ? -1 : 1;
  return float[0];
};

/** The finite values, ascending; null where there are more than can be told apart. */
const fewValues = ({ values, first, step, rows }: Strided): number[] | null => {
  const found = new Set<number>();
  for (let i = 0, at = first; i < rows; i++, at += step) {
    if (!Number.isFinite(values[at])) continue;
    found.add(values[at]);
    if (found.size > mostOwn) return null;
  }
  return [...found].sort((a, b) => a - b);
};

/** The value that each rank falls on. */
const quantiles = ({ values, first, step, rows }: Strided): number[] => {
  const sample = new Float32Array(Math.min(rows, sampleRows));
  let present = 0;
  for (let i = 0; i < sample.length; i++) {
    const value = values[first + Math.floor((i * rows) / sample.length) * step];
    if (Number.isFinite(value)) sample[present++] = value;
  }
  const sorted = sample.subarray(0, present).sort();
  return Array.from({ length: ranks - 1 }, (_, k) => sorted[Math.ceil(((k + 1) * present) / ranks) - 1]);
};

const ascending = (cuts: readonly number[]): number[] =>
  cuts.filter((cut, i) => Number.isFinite(cut) && (i === 0 || cut > cuts[i - 1]));

/**
 * Cuts of a column whose least and greatest finite values are given. Of up to 15 values each is alone in its bin, and
 * so is one in a column of many values that is so frequent that two ranks fall on it; up to 30 have a bin each, in which
 * others between it and the one before may lie.
 */
export const cutsOf = (column: Strided, min: number, max: number): number[] => {
  const few = fewValues(column);
  if (few !== null) {
    const isRoom = few.length <= mostAlone;
    return ascending(isRoom ? few.flatMap((value) => [floatBelow(value), value]) : [floatBelow(min), ...few]);
  }
  const parted = quantiles(column);
  const inner = parted.flatMap((value, k) => {
    if (parted[k - 1] === value) return [];
    return parted[k + 1] === value ? [floatBelow(value), value] : [value];
  });
  return ascending([floatBelow(min), ...inner.filter((cut) => cut >= min && cut < max), max]);
};

/** Whether a bin holds one value alone: its upper cut. */
export const isAlone = (cuts: readonly number[], bin: number): boolean =>
  bin > 0 && bin < cuts.length && floatBelow(cuts[bin]) === cuts[bin - 1];
