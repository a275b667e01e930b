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
  /** Inner cut points, ascending, float32 numbers, up to 31: bin i holds v <= cuts[i]. */
  cuts: number[];
  /** Rows in each bin: `cuts.length + 1` bins of values, then one of missing values. */
  counts: number[];
};

/** The last column is "prediction": the model's outputs on the same rows. */
export type ReferenceProfile = { rows: number; columns: ColumnProfile[] };
