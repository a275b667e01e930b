export { type ColumnSketch, compareSketch } from "./compare.ts";

import type { ColumnSketch } from "./compare.ts";
import { maxBins, type ReferenceProfile } from "./reference.ts";

/**
 * Counts rows into the bins of a reference profile. Sketches of the same profile merge by addition: the counts of all
 * bins, then the sums of the finite values in each.
 */
export type Sketcher = {
  /** Numbers of a sketch. */
  width: number;
  /** The model's columns, then "prediction". */
  columns: string[];
  /** Bins by column, the bin of missing values included and last. Counts lie in the order of the columns. */
  bins: Int32Array;
  /**
   * Adds rows to the `width` numbers of `into`. `rows` is row-major without the prediction, `outputs` one a row.
   */
  add(rows: Float32Array, count: number, outputs: Float32Array, into: Float64Array): void;
  /** Numbers of a sketch of these bins as those of this one, which it may be; null for one of another profile. */
  adopt(bins: readonly number[], numbers: Float64Array): Float64Array | null;
};

/** About 1 us a row of 20 columns: a branchless search a value. */
export const sketcher = (profile: ReferenceProfile): Sketcher => {
  const columns = profile.columns.map((column) => column.name);
  const bins = binsOf(profile);
  const cuts = new Float32Array(columns.length * maxBins).fill(Number.POSITIVE_INFINITY);
  for (const [index, column] of profile.columns.entries()) cuts.set(column.cuts, index * maxBins);
  const starts = startsOf(bins);
  const inputs = columns.length - 1;
  const sums = starts[columns.length];

  const addColumn = (
    column: number,
    values: Float32Array,
    first: number,
    step: number,
    count: number,
    into: Float64Array,
  ): void => {
    const base = column * maxBins;
    const shift = starts[column] - base;
    const missing = starts[column + 1] - 1;
    for (let i = 0, at = first; i < count; i++, at += step) {
      const value = values[at];
      if (Number.isNaN(value)) {
        into[missing]++;
        continue;
      }
      let bin = base;
      for (let half = maxBins >> 1; half > 0; half >>= 1) bin += cuts[bin + half - 1] < value ? half : 0;
      into[bin + shift]++;
      if (Number.isFinite(value)) into[sums + bin + shift] += value;
    }
  };

  return {
    width: 2 * sums,
    columns,
    bins,
    add(rows, count, outputs, into) {
      for (let column = 0; column < inputs; column++) addColumn(column, rows, column, inputs, count, into);
      addColumn(inputs, outputs, 0, 1, count, into);
    },
    adopt: (given, numbers) => adopted(profile, given, numbers),
  };
};

const binsOf = ({ columns }: ReferenceProfile): Int32Array =>
  Int32Array.from(columns, (column) => column.cuts.length + 2);

const startsOf = (bins: ArrayLike<number>): Int32Array => {
  const starts = new Int32Array(bins.length + 1);
  for (let index = 0; index < bins.length; index++) starts[index + 1] = starts[index] + bins[index];
  return starts;
};

const adopted = (profile: ReferenceProfile, given: readonly number[], numbers: Float64Array): Float64Array | null => {
  const bins = binsOf(profile);
  const starts = startsOf(bins);
  const sums = starts[bins.length];
  if (given.length !== bins.length) return null;
  if (numbers.length === 2 * sums && given.every((count, column) => count === bins[column])) return numbers;
  const from = startsOf(given);
  if (numbers.length !== from[given.length]) return null;
  const into = new Float64Array(2 * sums);
  for (const [column, { earlier, means }] of profile.columns.entries()) {
    if (earlier?.length !== given[column]) return null;
    for (const [bin, to] of earlier.entries()) {
      const count = numbers[from[column] + bin];
      into[starts[column] + to] += count;
      // Where its values lay is not known: they are taken to lie as in training.
      into[sums + starts[column] + to] += count * (means[to] ?? 0);
    }
  }
  return into;
};

/** What a sketch has of one column. */
export const columnOf = (numbers: Float64Array, bins: readonly number[], column: number): ColumnSketch => {
  const starts = startsOf(bins);
  const sums = starts[bins.length];
  return {
    counts: numbers.subarray(starts[column], starts[column + 1]),
    sums: numbers.subarray(sums + starts[column], sums + starts[column + 1]),
  };
};
