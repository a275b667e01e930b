import type { BlobReader, BlobWriter } from "./bytes.ts";

/**
 * DDSketch (Masson, Rim, Lee 2019): quantiles within 1 % relative error, mergeable by adding counts.
 * Values of each sign fall into bins (gamma^(k-1), gamma^k]; magnitudes below 1e-9 count as zero. At most 2048 bins
 * a sign: lower ones collapse into the lowest kept. That only depends on the largest bin, so order does not matter.
 */
export type DDSketch = { count: number; zeros: number; positive: Bins; negative: Bins };
type Bins = { counts: Map<number, number>; top: number };

const RELATIVE_ERROR = 0.01;
const GAMMA = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR);
const LOG_GAMMA = Math.log(GAMMA);
const MIN_MAGNITUDE = 1e-9;
const MAX_BINS = 2048;

export const ddSketch = (): DDSketch => ({ count: 0, zeros: 0, positive: emptyBins(), negative: emptyBins() });

const emptyBins = (): Bins => ({ counts: new Map(), top: Number.NEGATIVE_INFINITY });

export const addQuantile = (sketch: DDSketch, value: number): void => {
  const magnitude = Math.abs(value);
  sketch.count++;
  if (magnitude < MIN_MAGNITUDE) sketch.zeros++;
  else addBin(value > 0 ? sketch.positive : sketch.negative, Math.ceil(Math.log(magnitude) / LOG_GAMMA), 1);
};

const addBin = (bins: Bins, bin: number, count: number): void => {
  if (bin > bins.top) {
    bins.top = bin;
    collapse(bins, bin - MAX_BINS + 1);
  }
  const kept = Math.max(bin, bins.top - MAX_BINS + 1);
  bins.counts.set(kept, (bins.counts.get(kept) ?? 0) + count);
};

const collapse = (bins: Bins, lowest: number): void => {
  if (bins.counts.size === 0) return;
  let moved = 0;
  for (const [bin, count] of bins.counts) {
    if (bin < lowest) {
      bins.counts.delete(bin);
      moved += count;
    }
  }
  if (moved > 0) bins.counts.set(lowest, (bins.counts.get(lowest) ?? 0) + moved);
};

export const mergeQuantile = (into: DDSketch, from: DDSketch): void => {
  into.count += from.count;
  into.zeros += from.zeros;
  for (const [bin, count] of from.positive.counts) addBin(into.positive, bin, count);
  for (const [bin, count] of from.negative.counts) addBin(into.negative, bin, count);
};

/** The value at rank q * (count - 1), NaN for an empty sketch. */
export const estimateQuantile = (sketch: DDSketch, q: number): number => {
  if (sketch.count === 0) return Number.NaN;
  const rank = q * (sketch.count - 1);
  let seen = 0;
  for (const bin of sorted(sketch.negative).reverse()) {
    seen += sketch.negative.counts.get(bin) as number;
    if (seen > rank) return -middle(bin);
  }
  seen += sketch.zeros;
  if (seen > rank) return 0;
  let value = 0;
  for (const bin of sorted(sketch.positive)) {
    value = middle(bin);
    seen += sketch.positive.counts.get(bin) as number;
    if (seen > rank) return value;
  }
  return value;
};

const middle = (bin: number): number => (2 * GAMMA ** bin) / (GAMMA + 1);

const sorted = (bins: Bins): number[] => [...bins.counts.keys()].sort((a, b) => a - b);

export const writeQuantile = (sketch: DDSketch, to: BlobWriter): void => {
  to.varint(sketch.zeros);
  writeBins(sketch.positive, to);
  writeBins(sketch.negative, to);
};

const writeBins = (bins: Bins, to: BlobWriter): void => {
  to.varint(bins.counts.size);
  let last = 0;
  for (const bin of sorted(bins)) {
    to.number(bin - last);
    to.varint(bins.counts.get(bin) as number);
    last = bin;
  }
};

export const readQuantile = (from: BlobReader): DDSketch => {
  const sketch = ddSketch();
  sketch.zeros = from.varint();
  sketch.count = sketch.zeros + readBins(sketch.positive, from) + readBins(sketch.negative, from);
  return sketch;
};

const readBins = (bins: Bins, from: BlobReader): number => {
  let total = 0;
  let bin = 0;
  for (let left = from.varint(); left > 0; left--) {
    bin += from.number();
    const count = from.varint();
    bins.counts.set(bin, count);
    bins.top = bin;
    total += count;
  }
  return total;
};
