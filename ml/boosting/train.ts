import { Worker } from "node:worker_threads";
import { MillraceError } from "../../schemas/errors.ts";
import type { Task } from "../../schemas/lifecycle/model.ts";
import type { BoostingParameters } from "../../schemas/lifecycle/training-job.ts";
import { checkParameters, checkTraining } from "./check.ts";
import { newSharedTraining, type SharedMatrix, type SharedTraining, shareFloats } from "./shared.ts";
import type { BoostedTrees, TrainingMatrix, TrainingProgress, Tree } from "./types.ts";
import type { WorkerMessage } from "./worker.ts";

export type { BoostedTrees, TrainingMatrix, TrainingProgress } from "./types.ts";

export type TrainingOptions = {
  task: Task;
  /** Threads; the model does not depend on it. */
  workers: number;
  onProgress?: (progress: TrainingProgress) => void;
  /** Ends the training at once; it then fails with TRAINING_FAILED and the signal's reason as cause. */
  signal?: AbortSignal;
};

/** The constant that fits the labels best, as a float32 number: log-odds or mean. */
const baseOf = (labels: Float32Array, task: Task): number => {
  let sum = 0;
  for (const label of labels) sum += label;
  const mean = sum / labels.length;
  return Math.fround(task === "binary" ? Math.log(mean / (1 - mean)) : mean);
};

const share = (matrix: TrainingMatrix): SharedMatrix => ({
  rows: matrix.rows,
  values: shareFloats(matrix.values),
  labels: shareFloats(matrix.labels),
});

/** Runs the workers to their end; they are terminated whatever happens. */
const runWorkers = async (
  shared: SharedTraining,
  options: TrainingOptions,
): Promise<{ trees: Tree[]; kept: number }> => {
  const trees: Tree[] = [];
  const workers: Worker[] = [];
  let stop = () => {};
  try {
    const kept = await new Promise<number>((resolve, reject) => {
      stop = () =>
        reject(new MillraceError("TRAINING_FAILED", "The training was cancelled.", { cause: options.signal?.reason }));
      options.signal?.addEventListener("abort", stop, { once: true });
      if (options.signal?.aborted) stop();
      const fail = (reason: string, cause?: unknown) =>
        reject(new MillraceError("TRAINING_FAILED", `A training worker failed: ${reason}`, { cause }));
      for (let me = 0; me < shared.workers && !options.signal?.aborted; me++) {
        const worker = new Worker(new URL("./worker.ts", import.meta.url), { workerData: { shared, me } });
        workers.push(worker);
        worker.on("error", (error: Error) => fail(error.message, error));
        worker.on("exit", (code) => {
          if (code !== 0) fail(`it ended with code ${code}`);
        });
        worker.on("message", (message: WorkerMessage) => {
          if ("kept" in message) return resolve(message.kept);
          trees.push(message.tree);
          try {
            options.onProgress?.(message.progress);
          } catch (error) {
            reject(error);
          }
        });
      }
    });
    return { trees, kept };
  } finally {
    options.signal?.removeEventListener("abort", stop);
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
};

/**
 * Histogram gradient boosting (Friedman 2001; second-order leaves as in XGBoost): logistic loss for a binary task,
 * squared error for regression. Losses reported are the mean log loss or the mean squared error. Missing values are
 * sent to the side that gains more. The model is the same, bit for bit, for any number of workers.
 * TRAINING_FAILED names what is wrong with the input.
 */
export const trainBoosting = async (
  train: TrainingMatrix,
  validation: TrainingMatrix | null,
  parameters: BoostingParameters,
  options: TrainingOptions,
): Promise<BoostedTrees> => {
  checkParameters(parameters);
  checkTraining(train, validation, options.task);
  const base = baseOf(train.labels, options.task);
  const shared = newSharedTraining({
    task: options.task,
    parameters,
    base,
    workers: options.workers,
    columns: train.columns.length,
    train: share(train),
    validation: validation === null ? null : share(validation),
  });
  const { trees, kept } = await runWorkers(shared, options);
  if (kept === 0) {
    const { minLeafRows } = parameters;
    throw new MillraceError(
      "TRAINING_FAILED",
      `No split of ${train.rows} rows gains anything with at least ${minLeafRows} rows a leaf; lower minLeafRows or give more rows.`,
    );
  }
  return { task: options.task, base, trees: trees.slice(0, kept), bestIteration: kept };
};
