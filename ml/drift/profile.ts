import { MillraceError } from "../../schemas/errors.ts";
import type { TrainingMatrix } from "../boosting/types.ts";
import { cutsOf, type Strided } from "./cuts.ts";
import { type ColumnProfile, maxBins, profileVersion, type ReferenceProfile } from "./reference.ts";
import { columnOf, sketcher } from "./sketch.ts";
import { type FirstProfile, upcastProfile } from "./upcast.ts";

export type { ReferenceProfile } from "./reference.ts";

const PREDICTION_COLUMN = "prediction";
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
    cuts: finite === 0 ? [] : cutsOf(column, min, max),
    counts: [],
    means: [],
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
  const profile: ReferenceProfile = { version: profileVersion, rows, columns };
  // Counted by the code that will count the stream, so that equal data gives equal counts.
  const sketch = sketcher(profile);
  const numbers = new Float64Array(sketch.width);
  sketch.add(values, rows, outputs, numbers);
  for (const [index, column] of columns.entries()) {
    const { counts, sums } = columnOf(numbers, [...sketch.bins], index);
    column.counts = [...counts];
    column.means = [...sums.subarray(0, -1)].map((sum, bin) => (counts[bin] > 0 ? sum / counts[bin] : 0));
  }
  return profile;
};

export const encodeProfile = (profile: ReferenceProfile): Buffer => Buffer.from(JSON.stringify(profile));

/** Inverse of `encodeProfile`, of earlier releases' too; CORRUPT_ARTIFACT where the bytes are no profile. */
export const decodeProfile = (bytes: Uint8Array): ReferenceProfile => {
  try {
    const profile = JSON.parse(Buffer.from(bytes).toString()) as
      | ReferenceProfile
      | (FirstProfile & { version?: never });
    if (Number.isInteger(profile.rows) && profile.columns.every(isWhole)) {
      if (profile.version === undefined) return upcastProfile(profile);
      if (profile.version === profileVersion && profile.columns.every(hasMeans)) return profile;
    }
  } catch (error) {
    throw new MillraceError("CORRUPT_ARTIFACT", "The reference profile cannot be read.", { cause: error });
  }
  throw new MillraceError("CORRUPT_ARTIFACT", "The reference profile's counts do not match its cut points.");
};

const isWhole = ({ counts, cuts }: Pick<ColumnProfile, "counts" | "cuts">): boolean =>
  cuts.length < maxBins &&
  counts.length === cuts.length + 2 &&
  cuts.every((cut, i) => Number.isFinite(cut) && (i === 0 || cut > cuts[i - 1]));

const hasMeans = ({ cuts, means }: ColumnProfile): boolean =>
  means.length === cuts.length + 1 && means.every(Number.isFinite);
