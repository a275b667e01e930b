import { MillraceError } from "../../schemas/errors.ts";
import type { TrainingMatrix } from "../boosting/types.ts";
import type { ColumnProfile, ReferenceProfile } from "./reference.ts";
import { sketcher } from "./sketch.ts";

export type { ReferenceProfile } from "./reference.ts";

const PREDICTION_COLUMN = "prediction";
const BINS = 32;

/** Rows looked at for the cuts, evenly spread; everything else is of all rows. */
const SAMPLE_ROWS = 100_000;

/** One column of row-major values, or the outputs: `values[first + i * step]` for i < rows. */
type Strided = { values: Float32Array; first: number; step: number; rows: number };

/** The value that rank k / BINS falls on, for each k, where it parts the finite values; heavy values end a bin. */
const cutsOf = ({ values, first, step, rows }: Strided): number[] => {
  const sample = new Float32Array(Math.min(rows, SAMPLE_ROWS));
  let present = 0;
  for (let i = 0; i < sample.length; i++) {
    const value = values[first + Math.floor((i * rows) / sample.length) * step];
    if (!Number.isNaN(value)) sample[present++] = value;
  }
  const sorted = sample.subarray(0, present).sort();
  const cuts: number[] = [];
  for (let k = 1; k < BINS; k++) {
    const cut = sorted[Math.ceil((k * present) / BINS) - 1];
    if (Number.isFinite(cut) && cut < sorted[present - 1] && cut !== cuts.at(-1)) cuts.push(cut);
  }
  return cuts;
};

const profileColumn = (name: string, column: Strided): ColumnProfile => {
  const { values, first, step, rows } = column;
  let count = 0;
  let finite = 0;
  let mean = 0;
  let squares = 0;
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (let i = 0, at = first; i < rows; i++, at += step) {
    const value = values[at];
    if (Number.isNaN(value)) continue;
    count++;
    if (!Number.isFinite(value)) continue;
    finite++;
    const distance = value - mean;
    mean += distance / finite;
    squares += distance * (value - mean);
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return {
    name,
    count,
    missing: rows - count,
    mean,
    std: finite === 0 ? 0 : Math.sqrt(squares / finite),
    min: finite === 0 ? 0 : min,
    max: finite === 0 ? 0 : max,
    cuts: cutsOf(column),
    counts: [],
  };
};

/** Profile of a training matrix and the model's outputs on it (one float a row). */
export const buildProfile = (
  matrix: Pick<TrainingMatrix, "rows" | "columns" | "values">,
  outputs: Float32Array,
): ReferenceProfile => {
  const { rows, values } = matrix;
  const step = matrix.columns.length;
  const columns = matrix.columns.map((name, first) => profileColumn(name, { values, first, step, rows }));
  columns.push(profileColumn(PREDICTION_COLUMN, { values: outputs, first: 0, step: 1, rows }));
  const profile = { rows, columns };
  // Counted by the code that will count the stream, so that equal data gives equal counts.
  const sketch = sketcher(profile);
  const counts = new Float64Array(sketch.width);
  sketch.add(values, rows, outputs, counts);
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
    const whole = profile.columns.every(
      ({ counts, cuts }) => cuts.length < BINS && counts.length === cuts.length + 2 && cuts.every(Number.isFinite),
    );
    if (whole && Number.isInteger(profile.rows)) return profile;
  } catch (error) {
    throw new MillraceError("CORRUPT_ARTIFACT", "The reference profile cannot be read.", { cause: error });
  }
  throw new MillraceError("CORRUPT_ARTIFACT", "The reference profile's counts do not match its cut points.");
};
