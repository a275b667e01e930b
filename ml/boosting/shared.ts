import type { Task } from "../../schemas/lifecycle/model.ts";
import type { BoostingParameters } from "../../schemas/lifecycle/training-job.ts";
import { BIN_STRIDE } from "./bins.ts";
import { CHUNK_ROWS } from "./objective.ts";

export type SharedMatrix = { rows: number; values: Float32Array; labels: Float32Array };

/**
 * What the workers of one training have in common; every array lies in a SharedArrayBuffer. All workers run the same
 * program on their own rows and come to the same decisions from these arrays, with barriers between write and read.
 */
export type SharedTraining = {
  task: Task;
  parameters: BoostingParameters;
  base: number;
  workers: number;
  columns: number;
  train: SharedMatrix;
  validation: SharedMatrix | null;
  cuts: Float32Array;
  /** Bins of values by column. */
  bins: Int32Array;
  /** Histograms of a worker's own rows: [worker][slot][entry][gradient, hessian]. */
  partial: Float64Array;
  slots: number;
  /** Best split by [worker][node][field], over the columns that the worker searches. */
  splits: Float64Array;
  /** A worker's rows in a node: [worker][node]. */
  rows: Int32Array;
  trainLosses: Float64Array;
  validationLosses: Float64Array;
  /** Largest |residual| by worker. */
  largest: Float64Array;
  barrier: Int32Array;
};

export const SPLIT_FIELDS = 6;

export const wordsOf = (columns: number): number => Math.ceil(columns / 4);

/** Values of one histogram. */
export const histogramSize = (columns: number): number => wordsOf(columns) * 4 * BIN_STRIDE * 2;

const floats64 = (length: number) => new Float64Array(new SharedArrayBuffer(length * 8));
const ints32 = (length: number) => new Int32Array(new SharedArrayBuffer(length * 4));
const floats32 = (length: number) => new Float32Array(new SharedArrayBuffer(length * 4));

/** The array itself where it is shared already, else a shared copy. */
export const shareFloats = (values: Float32Array): Float32Array => {
  if (values.buffer instanceof SharedArrayBuffer) return values;
  const copy = floats32(values.length);
  copy.set(values);
  return copy;
};

const chunksOf = (rows: number): number => Math.ceil(rows / CHUNK_ROWS);

export const newSharedTraining = (
  from: Pick<SharedTraining, "task" | "parameters" | "base" | "columns" | "train" | "validation"> & { workers: number },
): SharedTraining => {
  const workers = Math.max(1, Math.min(from.workers, chunksOf(from.train.rows)));
  const { maxLeaves } = from.parameters;
  const slots = Math.max(1, Math.floor(maxLeaves / 2));
  return {
    ...from,
    workers,
    slots,
    cuts: floats32(from.columns * BIN_STRIDE).fill(Number.POSITIVE_INFINITY),
    bins: ints32(from.columns),
    partial: floats64(workers * slots * histogramSize(from.columns)),
    splits: floats64(workers * maxLeaves * SPLIT_FIELDS),
    rows: ints32(workers * maxLeaves),
    trainLosses: floats64(chunksOf(from.train.rows)),
    validationLosses: floats64(from.validation === null ? 0 : chunksOf(from.validation.rows)),
    largest: floats64(workers),
    barrier: ints32(2),
  };
};

/** Worker `me`'s part of `count` things that are not to be divided below `grain`: from inclusive, to exclusive. */
export const shareOf = (count: number, grain: number, me: number, workers: number): { from: number; to: number } => {
  const grains = Math.ceil(count / grain);
  const edge = (k: number) => Math.min(count, Math.floor((grains * k) / workers) * grain);
  return { from: edge(me), to: edge(me + 1) };
};
