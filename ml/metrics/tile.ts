import type { Task } from "../../schemas/lifecycle/model.ts";

/**
 * Quality of predictions as sums: tiles of the same task merge by adding their numbers, place by place.
 * Both: [rows, sum of outputs, sum of outcomes, ...].
 * Binary: [..., sum of log losses, sum of squared errors, then outcomes 0 by score bin, then outcomes 1 by score bin].
 * Regression: [..., sum of squared outcomes, sum of |errors|, sum of squared errors].
 */
const ROWS = 0;
const OUTPUTS = 1;
const OUTCOMES = 2;
const BINARY = { logLoss: 3, squaredErrors: 4, negatives: 5 } as const;
const REGRESSION = { squaredOutcomes: 3, absoluteErrors: 4, squaredErrors: 5 } as const;

/** Bin i holds scores in [i / 1000, (i + 1) / 1000); the last one holds 1, too. */
const SCORE_BINS = 1000;
const BINARY_WIDTH = BINARY.negatives + 2 * SCORE_BINS;
const REGRESSION_WIDTH = 6;

/** Scores are clipped to [e, 1 - e] before their logarithm; float32 scores reach 0 and 1. */
export const LOG_LOSS_CLIP = 1e-7;

export const newMetricTile = (task: Task): Float64Array =>
  new Float64Array(task === "binary" ? BINARY_WIDTH : REGRESSION_WIDTH);

/**
 * Adds one output (probability or value) and what really came (0 or 1, or the value). One that is NaN or infinite is
 * left out: it would be all that the sums say.
 */
export const addToTile = (tile: Float64Array, output: number, outcome: number): void => {
  const error = output - outcome;
  if (!Number.isFinite(error)) return;
  tile[ROWS] += 1;
  tile[OUTPUTS] += output;
  tile[OUTCOMES] += outcome;
  if (tile.length === REGRESSION_WIDTH) {
    tile[REGRESSION.squaredOutcomes] += outcome * outcome;
    tile[REGRESSION.absoluteErrors] += Math.abs(error);
    tile[REGRESSION.squaredErrors] += error * error;
    return;
  }
  const likely = Math.min(1 - LOG_LOSS_CLIP, Math.max(LOG_LOSS_CLIP, outcome > 0 ? output : 1 - output));
  tile[BINARY.logLoss] -= Math.log(likely);
  tile[BINARY.squaredErrors] += error * error;
  const bin = Math.min(SCORE_BINS - 1, Math.max(0, Math.floor(output * SCORE_BINS)));
  tile[BINARY.negatives + (outcome > 0 ? SCORE_BINS : 0) + bin] += 1;
};

/** Adds `from` to `into`. */
export const mergeTiles = (into: Float64Array, from: Float64Array): Float64Array => {
  for (let i = 0; i < into.length; i++) into[i] += from[i];
  return into;
};

/** 0 for 0 / 0: precision of a model that never says yes. */
const ratio = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);

const summarizeBinary = (tile: Float64Array, threshold: number): Record<string, number> => {
  const rows = tile[ROWS];
  const negatives = tile.subarray(BINARY.negatives, BINARY.negatives + SCORE_BINS);
  const positives = tile.subarray(BINARY.negatives + SCORE_BINS);
  const firstYes = Math.ceil(threshold * SCORE_BINS - 1e-9);
  let truePositives = 0;
  let falsePositives = 0;
  let positiveRows = 0;
  let negativeRows = 0;
  let ordered = 0;
  for (let bin = 0; bin < SCORE_BINS; bin++) {
    ordered += positives[bin] * (negativeRows + negatives[bin] / 2);
    positiveRows += positives[bin];
    negativeRows += negatives[bin];
    if (bin >= firstYes) {
      truePositives += positives[bin];
      falsePositives += negatives[bin];
    }
  }
  const precision = ratio(truePositives, truePositives + falsePositives);
  const recall = ratio(truePositives, positiveRows);
  const summary: Record<string, number> = {
    count: rows,
    meanOutput: tile[OUTPUTS] / rows,
    meanOutcome: tile[OUTCOMES] / rows,
    logLoss: tile[BINARY.logLoss] / rows,
    brier: tile[BINARY.squaredErrors] / rows,
    accuracy: (truePositives + negativeRows - falsePositives) / rows,
    precision,
    recall,
    f1: ratio(2 * precision * recall, precision + recall),
  };
  if (positiveRows > 0 && negativeRows > 0) summary.auc = ordered / (positiveRows * negativeRows);
  return summary;
};

const summarizeRegression = (tile: Float64Array): Record<string, number> => {
  const rows = tile[ROWS];
  const spread = tile[REGRESSION.squaredOutcomes] - tile[OUTCOMES] ** 2 / rows;
  const summary: Record<string, number> = {
    count: rows,
    meanOutput: tile[OUTPUTS] / rows,
    meanOutcome: tile[OUTCOMES] / rows,
    rmse: Math.sqrt(tile[REGRESSION.squaredErrors] / rows),
    mae: tile[REGRESSION.absoluteErrors] / rows,
  };
  if (spread > 0) summary.r2 = 1 - tile[REGRESSION.squaredErrors] / spread;
  return summary;
};

/**
 * Metrics of a tile; only `count` for an empty one. A figure that the rows do not give (`auc` with one class, `r2` of
 * equal outcomes) is left out. `threshold` takes effect in steps of 0.001, and `auc` counts scores of one bin as ties.
 */
export const summarizeTile = (task: Task, tile: Float64Array, threshold: number): Record<string, number> => {
  if (tile[ROWS] === 0) return { count: 0 };
  return task === "binary" ? summarizeBinary(tile, threshold) : summarizeRegression(tile);
};
