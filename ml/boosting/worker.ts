import { parentPort, workerData } from "node:worker_threads";
import { barrier } from "./barrier.ts";
import { BIN_STRIDE, binRows, quantileCuts } from "./bins.ts";
import { newGrower } from "./grow.ts";
import { CHUNK_ROWS, measure, packGradients, packingOf } from "./objective.ts";
import { type SharedMatrix, type SharedTraining, shareOf, wordsOf } from "./shared.ts";
import { newTreeBuilder } from "./tree-builder.ts";
import type { TrainingProgress, Tree } from "./types.ts";

/** What the first worker tells the trainer, a message a tree and one at the end; the others only end. */
export type WorkerMessage = { tree: Tree; progress: TrainingProgress } | { kept: number };

/** This worker's rows of a matrix, binned, with their scores under the trees so far. */
const ownRows = (shared: SharedTraining, matrix: SharedMatrix, losses: Float64Array, me: number) => {
  const { from, to } = shareOf(matrix.rows, CHUNK_ROWS, me, shared.workers);
  const derivatives = new Float64Array(to - from);
  const scores = new Float64Array(to - from).fill(shared.base);
  const labels = matrix.labels.subarray(from, to);
  const ownLosses = losses.subarray(from / CHUNK_ROWS);
  return {
    from,
    count: to - from,
    bins: binRows(matrix.values, shared.columns, from, to, shared.cuts, wordsOf(shared.columns) * 4),
    labels,
    scores,
    derivatives,
    measure: () => measure(shared.task, scores, labels, derivatives, ownLosses),
  };
};

const meanLoss = (losses: Float64Array, rows: number): number => losses.reduce((sum, loss) => sum + loss, 0) / rows;

const findCuts = (shared: SharedTraining, me: number): void => {
  const mine = shareOf(shared.columns, 1, me, shared.workers);
  for (let column = mine.from; column < mine.to; column++) {
    const cuts = quantileCuts(shared.train.values, shared.columns, column, shared.parameters.bins);
    shared.cuts.set(cuts, column * BIN_STRIDE);
    shared.bins[column] = cuts.length + 1;
  }
};

/** The training as one worker sees it. Answers how many trees are kept; all workers answer the same. */
const run = (shared: SharedTraining, me: number, tell: (message: WorkerMessage) => void): number => {
  const { parameters, task, workers } = shared;
  const meet = () => barrier(shared.barrier, workers);
  findCuts(shared, me);
  meet();
  const train = ownRows(shared, shared.train, shared.trainLosses, me);
  const validation = shared.validation && ownRows(shared, shared.validation, shared.validationLosses, me);
  const packing = packingOf(task);
  const grower = newGrower(shared, me, train.bins, train.count, packing.shift);
  const packed = new Float64Array(train.count);
  const stride = wordsOf(shared.columns) * 4;
  const stopsEarly = validation !== null && parameters.earlyStoppingRounds > 0;
  let best = { loss: Number.POSITIVE_INFINITY, trees: 0 };
  shared.largest[me] = train.measure();
  meet();
  for (let number = 1; number <= parameters.trees; number++) {
    const largest = Math.max(...shared.largest);
    // All residuals are zero: nothing is left to learn.
    if (largest === 0) return number - 1;
    const scale = packing.gradientSteps / largest;
    packGradients(task, train.derivatives, train.labels, packed, {
      packing,
      scale,
      seed: parameters.seed,
      tree: number,
      firstRow: train.from,
    });
    const tree = newTreeBuilder(shared.cuts, shared.bins);
    const leaves = grower.grow(tree, packed, {
      gradientStep: 1 / scale,
      hessianStep: task === "binary" ? 1 / (4 * packing.hessianSteps) : 1,
      l2: parameters.l2,
      minLeafRows: parameters.minLeafRows,
    });
    if (tree.size() === 1) return stopsEarly ? best.trees : number - 1;
    for (const { from, to, value } of leaves) {
      for (let i = from; i < to; i++) train.scores[grower.index[i]] += value;
    }
    shared.largest[me] = train.measure();
    if (validation !== null) {
      for (let i = 0; i < validation.count; i++) validation.scores[i] += tree.walk(validation.bins, i * stride);
      validation.measure();
    }
    meet();
    const trainLoss = meanLoss(shared.trainLosses, shared.train.rows);
    const validationLoss =
      shared.validation === null ? null : meanLoss(shared.validationLosses, shared.validation.rows);
    tell({ tree: tree.finish(), progress: { tree: number, trainLoss, validationLoss } });
    if (validationLoss !== null && validationLoss < best.loss) best = { loss: validationLoss, trees: number };
    if (stopsEarly && number - best.trees >= parameters.earlyStoppingRounds) return best.trees;
  }
  return stopsEarly ? best.trees : parameters.trees;
};

const { shared, me } = workerData as { shared: SharedTraining; me: number };
const tell = (message: WorkerMessage): void => {
  if (me === 0) parentPort?.postMessage(message);
};
tell({ kept: run(shared, me, tell) });
