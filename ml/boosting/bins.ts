/** Bins of one column: up to 255 of values, ids from 0, and this one of missing values. */
export const MISSING_BIN = 255;
export const BIN_STRIDE = 256;

/** Rows looked at for the cuts, evenly spread, as LightGBM does (`bin_construct_sample_cnt`). */
const SAMPLE_ROWS = 200_000;

/** Present values of a column, ascending, from at most SAMPLE_ROWS rows. */
const sampleColumn = (values: Float32Array, width: number, column: number): Float32Array => {
  const rows = values.length / width;
  const size = Math.min(rows, SAMPLE_ROWS);
  const sample = new Float32Array(size);
  let found = 0;
  for (let i = 0; i < size; i++) {
    const value = values[Math.floor((i * rows) / size) * width + column];
    if (!Number.isNaN(value)) sample[found++] = value;
  }
  return sample.subarray(0, found).sort();
};

/** A float32 t with low <= t < high, the middle where it can be told apart from `high`. */
const between = (low: number, high: number): number => {
  const middle = Math.fround(low + (high - low) / 2);
  return middle >= low && middle < high ? middle : low;
};

/**
 * Inner cut points of a column, ascending: value v is in bin i when `cuts[i - 1] < v <= cuts[i]`. Bins hold about the
 * same number of rows; a value with at least a bin's share of the rows gets a bin of its own.
 */
export const quantileCuts = (values: Float32Array, width: number, column: number, bins: number): number[] => {
  const sorted = sampleColumn(values, width, column);
  const distinct: number[] = [];
  const counts: number[] = [];
  for (let i = 0; i < sorted.length; i++) {
    if (i === 0 || sorted[i] !== sorted[i - 1]) {
      distinct.push(sorted[i]);
      counts.push(0);
    }
    counts[counts.length - 1]++;
  }
  const everyValue = distinct.length <= bins;
  const cuts: number[] = [];
  let remaining = sorted.length;
  let filled = 0;
  for (let i = 0; i + 1 < distinct.length && cuts.length < bins - 1; i++) {
    filled += counts[i];
    const share = (remaining + 0.5) / (bins - cuts.length);
    if (everyValue || filled >= share || counts[i + 1] >= share) {
      cuts.push(between(distinct[i], distinct[i + 1]));
      remaining -= filled;
      filled = 0;
    }
  }
  return cuts;
};

/** `cuts` by column, BIN_STRIDE a column, padded with +Infinity. */
export type CutTable = Float32Array;

/**
 * Bins of rows [from, to), row-major, `stride` bytes a row. The search is branchless: eight halvings of the padded cuts.
 */
export const binRows = (
  values: Float32Array,
  width: number,
  from: number,
  to: number,
  cuts: CutTable,
  stride: number,
): Uint8Array => {
  const bins = new Uint8Array((to - from) * stride);
  for (let column = 0; column < width; column++) {
    const first = column * BIN_STRIDE;
    let target = column;
    for (let at = from * width + column; at < to * width; at += width, target += stride) {
      const value = values[at];
      if (Number.isNaN(value)) {
        bins[target] = MISSING_BIN;
        continue;
      }
      let bin = first;
      for (let half = BIN_STRIDE >> 1; half > 0; half >>= 1) bin += cuts[bin + half - 1] < value ? half : 0;
      bins[target] = bin - first;
    }
  }
  return bins;
};
