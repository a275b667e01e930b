/** One column as it was in training: what later windows are compared with. */
export type ColumnProfile = {
  name: string;
  /** Values that are there, and those that are not (NaN). */
  count: number;
  missing: number;
  /** Of the finite values; population standard deviation. Zero where there are none. */
  mean: number;
  std: number;
  min: number;
  max: number;
  /**
   * Cut points, ascending, float32 numbers, up to 31: bin i holds cuts[i - 1] < v <= cuts[i]. The first lies just below
   * the least finite value and the last is the greatest: the outer bins are empty in training, and open. A value that
   * is alone in its bin has a cut just below it and one at it.
   */
  cuts: number[];
  /** Rows in each bin: `cuts.length + 1` bins of values, then one of missing values. */
  counts: number[];
  /** Mean of the finite values in each bin of values; 0 where there are none. */
  means: number[];
  /** Of a profile of an earlier release: where each bin of its sketches is now. Not stored. */
  earlier?: number[];
};

/** The last column is "prediction": the model's outputs on the same rows. */
export type ReferenceProfile = { version: typeof profileVersion; rows: number; columns: ColumnProfile[] };

export const profileVersion = 2;

/** Cut points of a column are fewer than this. */
export const maxBins = 32;
