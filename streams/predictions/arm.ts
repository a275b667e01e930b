import type { ByteWriter } from "../../schemas/byte-writer.ts";
import { isMillraceError, MillraceError } from "../../schemas/errors.ts";
import type { TrafficSplit } from "../../schemas/lifecycle/deployment.ts";
import { type PredictionConstants, type PredictionEncoder, predictionEncoder } from "./encode.ts";
import type { ReadyVersion } from "./ready-version.ts";
import { type Rows, rows } from "./rows.ts";

/** One entry of the split, ready to score: its version, and the rows of the batch at hand that are for it. */
export type Arm = {
  ready: ReadyVersion;
  model: string;
  version: number;
  variant: string;
  encode: PredictionEncoder;
  rows: Rows;
  /** Event time by row. */
  times: number[];
  /** Why single rows could not be scored, by row. */
  failures: Map<number, MillraceError>;
};

export const armOf = (
  { model, version, variant, share }: TrafficSplit[number],
  ready: ReadyVersion,
  width: number,
  place: Pick<PredictionConstants, "schemaId" | "endpoint" | "revision" | "topic" | "partition">,
  writer: ByteWriter,
): Arm => ({
  ready,
  model,
  version,
  variant,
  encode: predictionEncoder({ ...place, model, version, variant, share, runtime: ready.scorer.runtime }, writer),
  rows: rows(width),
  times: [],
  failures: new Map(),
});

/** Rows that are tried together where all of a batch failed, before each is tried alone. */
const groupRows = 256;

/**
 * Scores all rows at once; where that fails, in groups, and the rows of a group that fails each alone, so that only
 * those are lost on which the model fails. Rejects where it is not the model that failed, and trying again may help.
 */
export const scoreArm = async (arm: Arm, width: number): Promise<void> => {
  const { count, matrix } = arm.rows;
  if (count === 0) return;
  const refusal = arm.ready.refusal();
  if (refusal !== null) return refuseAll(arm, refusal);
  try {
    arm.rows.outputs = await arm.ready.scorer.score(matrix, count);
  } catch (error) {
    throwIfRetryable(error);
    await scoreInGroups(arm, width);
  }
};

const throwIfRetryable = (error: unknown): void => {
  if (isMillraceError(error) && error.retryable) throw error;
};

const scoringFailure = (error: unknown): MillraceError => {
  if (isMillraceError(error)) return error;
  return new MillraceError("SCORING_FAILED", error instanceof Error ? error.message : String(error), { cause: error });
};

const refuseAll = (arm: Arm, refusal: MillraceError): void => {
  const { count } = arm.rows;
  arm.rows.outputs = new Float32Array(count).fill(Number.NaN);
  for (let row = 0; row < count; row++) arm.failures.set(row, refusal);
};

const scoreInGroups = async (arm: Arm, width: number): Promise<void> => {
  const { count, matrix } = arm.rows;
  arm.rows.outputs = new Float32Array(count).fill(Number.NaN);
  for (let from = 0; from < count; from += groupRows) {
    const end = Math.min(count, from + groupRows);
    try {
      arm.rows.outputs.set(await arm.ready.scorer.score(matrix.subarray(from * width, end * width), end - from), from);
    } catch (error) {
      throwIfRetryable(error);
      await scoreAlone(arm, width, from, end);
    }
  }
};

const scoreAlone = async (arm: Arm, width: number, from: number, end: number): Promise<void> => {
  for (let row = from; row < end; row++) {
    try {
      const output = await arm.ready.scorer.score(arm.rows.matrix.slice(row * width, (row + 1) * width), 1);
      arm.rows.outputs[row] = output[0];
    } catch (error) {
      throwIfRetryable(error);
      arm.failures.set(row, scoringFailure(error));
    }
  }
};

export const resetArm = (arm: Arm): void => {
  arm.rows.count = 0;
  arm.times = [];
  arm.failures.clear();
};
