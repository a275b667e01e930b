import type { Task } from "../../schemas/lifecycle/model.ts";

/**
 * What is learned from. `values` is row-major float32 (`rows * columns.length`), NaN where missing; `labels` are
 * 0 or 1 for a binary task. Arrays over a SharedArrayBuffer are used in place, others are copied once.
 */
export type TrainingMatrix = {
  rows: number;
  columns: string[];
  values: Float32Array;
  labels: Float32Array;
};

/**
 * One regression tree, node by node, the root at 0. A node with `feature` -1 is a leaf and answers `value` (a float32
 * number, shrinkage included). Else a row goes to `left` when `x <= threshold`, or when x is NaN and `missingLeft`
 * is 1. A threshold of +Infinity parts the missing from the rest.
 */
export type Tree = {
  feature: Int32Array;
  threshold: Float32Array;
  missingLeft: Uint8Array;
  left: Int32Array;
  right: Int32Array;
  value: Float64Array;
};

/** Sum of `base` and the trees: log-odds for a binary task, the value itself for regression. */
export type BoostedTrees = {
  task: Task;
  base: number;
  trees: Tree[];
  /** Trees kept: those up to the lowest validation loss where training could stop early, else all. */
  bestIteration: number;
};

export type TrainingProgress = { tree: number; trainLoss: number; validationLoss: number | null };
