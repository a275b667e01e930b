import { MillraceError } from "../../schemas/errors.ts";
import type { TrainingMatrix } from "../boosting/types.ts";
import type { ColumnProfile, ReferenceProfile } from "./reference.ts";
import { sketcher } from "./sketch.ts";

export type { ColumnProfile, ReferenceProfile } from "./reference.ts";

export const PREDICTION_COLUMN = "prediction";
const BINS = 32;

/** The value that rank `k / BINS` falls on, for each k, where it parts the values; heavy values end a bin. */
const cutsOf = (sorted: Float32Array): number[] => {
  const cuts: number[] = [];
  const last = sorted[sorted.length - 1];
  for (let k = 1; k < BINS; k++) {
    const cut = sorted[Math.ceil((k * sorted.length) / BINS) - 1];
    if (cut < last && (cuts.length === 0 || cut > cuts[cuts.length - 1])) cuts.push(cut);
  }
  return cuts;
};

const profileColumn = (name: string, values: Float32Array): ColumnProfile => {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort();
  let finite = 0;
  let mean = 0;
  let squares = 0;
  let min = 0;
  let max = 0;
  for (const value of sorted) {
    if (!Number.isFinite(value)) continue;
    if (finite === 0) min = value;
    max = value;
    finite++;
    const step = value - mean;
    mean += step / finite;
    squares += step * (value - mean);
  }
  return {
    name,
    count: sorted.length,
    missing: values.length - sorted.length,
    mean,
    std: finite === 0 ? 0 : Math.sqrt(squares / finite),
    min,
    max,
    cuts: cutsOf(sorted).filter(Number.isFinite),
    counts: [],
  };
};

/** Profile of a training matrix and the model's outputs on it (one float a row). */
export const buildProfile = (
  matrix: Pick<TrainingMatrix, "rows" | "columns" | "values">,
  outputs: Float32Array,
): ReferenceProfile => {
  const width = matrix.columns.length;
  const columns = matrix.columns.map((name, column) => {
    const values = new Float32Array(matrix.rows);
    for (let row = 0; row < matrix.rows; row++) values[row] = matrix.values[row * width + column];
    return profileColumn(name, values);
  });
  columns.push(profileColumn(PREDICTION_COLUMN, outputs.subarray(0, matrix.rows)));
  const profile = { rows: matrix.rows, columns };
  // Counted by the code that will count the stream, so that equal data gives equal counts.
  const sketch = sketcher(profile);
  const counts = new Float64Array(sketch.width);
  sketch.add(matrix.values, matrix.rows, outputs, counts);
  let at = 0;
  for (const [index, column] of columns.entries()) {
    column.counts = Array.from(counts.subarray(at, at + sketch.bins[index]));
    at += sketch.bins[index];
  }
  return profile;
};

export const encodeProfile = (profile: ReferenceProfile): Buffer => Buffer.from(JSON.stringify(profile));

/** Inverse of `encodeProfile`; CORRUPT_ARTIFACT where the bytes are no profile. */
export const decodeProfile = (bytes: Uint8Array): ReferenceProfile => {
  try {
    const profile = JSON.parse(Buffer.from(bytes).toString()) as ReferenceProfile;
    const whole = profile.columns.every((column) => column.counts.length === column.cuts.length + 2);
    if (whole && Number.isInteger(profile.rows)) return profile;
  } catch (error) {
    throw new MillraceError("CORRUPT_ARTIFACT", "The reference profile cannot be read.", { cause: error });
  }
  throw new MillraceError("CORRUPT_ARTIFACT", "The reference profile's counts do not match its cut points.");
};
