import { LOG_LOSS_CLIP } from "./tile.ts";

/** Probabilities of the positive class and labels of 0 and 1, row by row. */
type Numbers = ArrayLike<number>;

/**
 * Area under the ROC curve by ranks (Mann-Whitney), ties counted half. NaN where only one class is there.
 */
export const auc = (scores: Numbers, labels: Numbers): number => {
  const order = Uint32Array.from({ length: scores.length }, (_, row) => row).sort((a, b) => scores[a] - scores[b]);
  let positives = 0;
  let rankSum = 0;
  for (let from = 0; from < order.length; ) {
    let to = from;
    let tied = 0;
    for (; to < order.length && scores[order[to]] === scores[order[from]]; to++) tied += labels[order[to]];
    rankSum += (tied * (from + 1 + to)) / 2;
    positives += tied;
    from = to;
  }
  const negatives = order.length - positives;
  if (positives === 0 || negatives === 0) return Number.NaN;
  return (rankSum - (positives * (positives + 1)) / 2) / (positives * negatives);
};

/** Mean negative log likelihood; probabilities are clipped to [LOG_LOSS_CLIP, 1 - LOG_LOSS_CLIP]. */
export const logLoss = (scores: Numbers, labels: Numbers): number => {
  let sum = 0;
  for (let row = 0; row < scores.length; row++) {
    const likely = labels[row] > 0 ? scores[row] : 1 - scores[row];
    sum -= Math.log(Math.min(1 - LOG_LOSS_CLIP, Math.max(LOG_LOSS_CLIP, likely)));
  }
  return sum / scores.length;
};

/** Mean squared error of the probabilities. */
export const brier = (scores: Numbers, labels: Numbers): number => {
  let sum = 0;
  for (let row = 0; row < scores.length; row++) sum += (scores[row] - labels[row]) ** 2;
  return sum / scores.length;
};

export type Decisions = { accuracy: number; precision: number; recall: number; f1: number };

/** Positive at or above the threshold. Precision, recall and F1 are 0 where they would divide by zero. */
export const decisions = (scores: Numbers, labels: Numbers, threshold: number): Decisions => {
  let right = 0;
  let truePositives = 0;
  let saidPositive = 0;
  let positives = 0;
  for (let row = 0; row < scores.length; row++) {
    const said = scores[row] >= threshold;
    const positive = labels[row] > 0;
    if (said === positive) right++;
    if (said) saidPositive++;
    if (positive) positives++;
    if (said && positive) truePositives++;
  }
  const precision = saidPositive === 0 ? 0 : truePositives / saidPositive;
  const recall = positives === 0 ? 0 : truePositives / positives;
  const f1 = precision + recall === 0 ? 0 : (2 * precision * recall) / (precision + recall);
  return { accuracy: right / scores.length, precision, recall, f1 };
};
