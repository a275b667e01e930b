import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { quantileCuts } from "../../ml/boosting/bins.ts";
import { predict } from "../../ml/boosting/predict.ts";
import {
  type BoostedTrees,
  type TrainingMatrix,
  type TrainingProgress,
  trainBoosting,
} from "../../ml/boosting/train.ts";
import { auc, logLoss } from "../../ml/metrics/classification.ts";
import { r2 } from "../../ml/metrics/regression.ts";
import { isMillraceError } from "../../schemas/errors.ts";
import type { Task } from "../../schemas/lifecycle/model.ts";
import type { BoostingParameters } from "../../schemas/lifecycle/training-job.ts";

const parameters: BoostingParameters = {
  trees: 30,
  learningRate: 0.2,
  maxLeaves: 16,
  maxDepth: 5,
  minLeafRows: 10,
  l2: 1,
  bins: 64,
  validationShare: 0.2,
  earlyStoppingRounds: 0,
  seed: 7,
};

/** Deterministic numbers in [0, 1). */
const randomFrom = (seed: number) => {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
};

const columns = ["slope", "step", "holes", "noise", "few"];

/** A label that follows the columns but for `noise`; being missing in `holes` says something, too. */
const synthetic = (rows: number, task: Task, seed: number): TrainingMatrix => {
  const random = randomFrom(seed);
  const values = new Float32Array(rows * columns.length);
  const labels = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    const slope = random() * 4 - 2;
    const step = random();
    const hole = random();
    const few = Math.floor(random() * 3);
    values.set([slope, step, hole < 0.3 ? Number.NaN : hole, random(), few], row * columns.length);
    const signal = slope * (few === 1 ? 2 : 1) + (step > 0.5 ? 1 : -1) + (hole < 0.3 ? 1.5 : -0.5);
    labels[row] = task === "binary" ? Number(random() < 1 / (1 + Math.exp(-2 * signal))) : signal + random() * 0.2;
  }
  return { rows, columns, values, labels };
};

const bytesOf = (model: BoostedTrees): Buffer =>
  Buffer.concat(
    model.trees.flatMap((tree) =>
      [tree.feature, tree.threshold, tree.missingLeft, tree.left, tree.right, tree.value].map((part) =>
        Buffer.from(part.buffer, part.byteOffset, part.byteLength),
      ),
    ),
  );

const failsWith = (pattern: RegExp) => (error: unknown) =>
  isMillraceError(error, "TRAINING_FAILED") && pattern.test(error.message);

describe("learning", () => {
  test("a binary task is learned well beyond its training rows", async () => {
    const test = synthetic(4000, "binary", 2);
    const model = await trainBoosting(synthetic(8000, "binary", 1), null, parameters, { task: "binary", workers: 2 });
    const scores = predict(model, test);
    assert.equal(model.trees.length, 30);
    // The labels are drawn with probability: the best there can be is an area of 0.95.
    assert.ok(auc(scores, test.labels) > 0.93, `auc ${auc(scores, test.labels)}`);
    assert.ok(logLoss(scores, test.labels) < 0.32, `log loss ${logLoss(scores, test.labels)}`);
  });

  test("a regression is learned, whatever the label's scale", async () => {
    for (const scale of [1e-6, 1, 1e6]) {
      const scaled = (seed: number, rows: number): TrainingMatrix => {
        const matrix = synthetic(rows, "regression", seed);
        return { ...matrix, labels: matrix.labels.map((label) => label * scale) };
      };
      const test = scaled(2, 2000);
      const model = await trainBoosting(scaled(1, 4000), null, parameters, { task: "regression", workers: 1 });
      assert.ok(r2(predict(model, test), test.labels) > 0.97, `scale ${scale}`);
    }
  });

  test("missing values go to the side that they belong to, and infinities are values", async () => {
    const values = Float32Array.from(
      { length: 400 },
      (_, row) => [Number.NaN, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, 5][row % 4],
    );
    const labels = Float32Array.from({ length: 400 }, (_, row) => Number(row % 4 < 2));
    const matrix = { rows: 400, columns: ["x"], values, labels };
    const model = await trainBoosting(matrix, null, parameters, { task: "binary", workers: 1 });
    const [missing, low, high, five] = predict(model, matrix);
    assert.ok(missing > 0.95 && low > 0.95 && high < 0.05 && five < 0.05, `${[missing, low, high, five]}`);
  });

  test("that a value is missing can be all there is to learn", async () => {
    const values = Float32Array.from({ length: 400 }, (_, row) => (row % 2 === 0 ? Number.NaN : row % 7));
    const labels = Float32Array.from({ length: 400 }, (_, row) => Number(row % 2 === 0));
    const matrix = { rows: 400, columns: ["x"], values, labels };
    const model = await trainBoosting(matrix, null, parameters, { task: "binary", workers: 1 });
    assert.equal(model.trees[0].threshold[0], Number.POSITIVE_INFINITY);
    assert.ok(auc(predict(model, matrix), labels) === 1);
  });

  test("leaves, depth and rows of a leaf stay within their limits", async () => {
    const matrix = synthetic(3000, "regression", 3);
    const limits = { ...parameters, trees: 4, maxLeaves: 11, maxDepth: 4, minLeafRows: 100 };
    const model = await trainBoosting(matrix, null, limits, { task: "regression", workers: 2 });
    for (const tree of model.trees) {
      const depth = (node: number): number =>
        tree.feature[node] < 0 ? 0 : 1 + Math.max(depth(tree.left[node]), depth(tree.right[node]));
      const rows = new Map<number, number>();
      for (let row = 0; row < matrix.rows; row++) {
        let node = 0;
        while (tree.feature[node] >= 0) {
          const x = matrix.values[row * columns.length + tree.feature[node]];
          const toLeft = Number.isNaN(x) ? tree.missingLeft[node] === 1 : x <= tree.threshold[node];
          node = toLeft ? tree.left[node] : tree.right[node];
        }
        rows.set(node, (rows.get(node) ?? 0) + 1);
      }
      assert.ok(rows.size <= 11 && depth(0) <= 4);
      assert.ok(Math.min(...rows.values()) >= 100, `${[...rows.values()]}`);
    }
  });
});

describe("determinism", () => {
  for (const task of ["binary", "regression"] as const) {
    test(`a ${task} model is the same, bit for bit, for 1, 2 and 3 workers`, async () => {
      const train = synthetic(7000, task, 4);
      const validation = synthetic(2500, task, 5);
      const runs = [1, 2, 3].map(async (workers) => {
        const losses: TrainingProgress[] = [];
        const onProgress = (progress: TrainingProgress) => losses.push(progress);
        const model = await trainBoosting(
          train,
          validation,
          { ...parameters, trees: 8 },
          { task, workers, onProgress },
        );
        return { model: bytesOf(model), base: model.base, losses };
      });
      const [one, two, three] = await Promise.all(runs);
      assert.deepEqual(two, one);
      assert.deepEqual(three, one);
    });
  }

  test("another seed gives another model", async () => {
    const train = synthetic(3000, "binary", 4);
    const [a, b] = await Promise.all(
      [1, 2].map((seed) =>
        trainBoosting(train, null, { ...parameters, trees: 3, seed }, { task: "binary", workers: 1 }),
      ),
    );
    assert.notDeepEqual(bytesOf(a), bytesOf(b));
  });
});

describe("early stopping", () => {
  test("keeps the trees up to the lowest validation loss", async () => {
    const progress: TrainingProgress[] = [];
    const model = await trainBoosting(
      synthetic(1500, "binary", 6),
      synthetic(1500, "binary", 7),
      { ...parameters, trees: 500, learningRate: 0.5, minLeafRows: 5, earlyStoppingRounds: 10 },
      { task: "binary", workers: 2, onProgress: (step) => progress.push(step) },
    );
    const losses = progress.map((step) => step.validationLoss ?? Number.NaN);
    const best = losses.indexOf(Math.min(...losses)) + 1;
    assert.equal(model.bestIteration, best);
    assert.equal(model.trees.length, best);
    assert.equal(progress.length, best + 10);
  });

  test("the validation loss reported is that of the model", async () => {
    const validation = synthetic(1500, "binary", 7);
    let last: TrainingProgress | null = null;
    const model = await trainBoosting(synthetic(1500, "binary", 6), validation, parameters, {
      task: "binary",
      workers: 1,
      onProgress: (step) => {
        last = step;
      },
    });
    const loss = logLoss(predict(model, validation), validation.labels);
    assert.ok(Math.abs(loss - ((last as TrainingProgress | null)?.validationLoss ?? 0)) < 1e-5);
  });
});

describe("bad input", () => {
  const train = synthetic(2000, "binary", 8);
  const run = (change: Partial<TrainingMatrix>, settings: Partial<BoostingParameters> = {}) =>
    trainBoosting({ ...train, ...change }, null, { ...parameters, ...settings }, { task: "binary", workers: 1 });
  const withColumn = (column: number, value: number): Float32Array =>
    train.values.map((old, at) => (at % columns.length === column ? value : old));

  test("is named", async () => {
    const empty = { rows: 0, values: new Float32Array(), labels: new Float32Array() };
    await assert.rejects(run(empty), failsWith(/no rows/));
    await assert.rejects(run({ labels: train.labels.map(() => 1) }), failsWith(/one class/));
    await assert.rejects(run({ labels: train.labels.with(17, Number.NaN) }), failsWith(/row 17 .* NaN/));
    await assert.rejects(run({ labels: train.labels.with(17, 2) }), failsWith(/row 17 .* takes 0 and 1/));
    await assert.rejects(run({ values: train.values.map(() => 3) }), failsWith(/No column tells rows apart/));
    await assert.rejects(run({ labels: train.labels.subarray(1) }), failsWith(/1999 labels/));
    await assert.rejects(run({}, { learningRate: 0 }), failsWith(/learningRate/));
    await assert.rejects(run({}, { l2: -1 }), failsWith(/l2/));
    await assert.rejects(run({}, { bins: 300 }), failsWith(/bins is 300/));
    await assert.rejects(run({}, { minLeafRows: 1500 }), failsWith(/minLeafRows/));
    const other = { ...train, columns: ["a", "b", "c", "d", "e"] };
    await assert.rejects(
      trainBoosting(train, other, parameters, { task: "binary", workers: 1 }),
      failsWith(/not those of the training set/),
    );
  });

  test("columns that tell nothing are passed over, the others are learned from", async () => {
    for (const value of [Number.NaN, 3]) {
      const model = await run({ values: withColumn(2, value) });
      assert.ok(model.trees.every((tree) => !tree.feature.includes(2)));
      assert.ok(model.trees.some((tree) => tree.feature.some((feature) => feature >= 0)));
    }
  });

  test("a cancelled training ends, before it starts or within it", async () => {
    const options = { task: "binary", workers: 2 } as const;
    const settings = { ...parameters, trees: 100_000 };
    const cancelled = failsWith(/cancelled/);
    await assert.rejects(trainBoosting(train, null, settings, { ...options, signal: AbortSignal.abort() }), cancelled);
    const control = new AbortController();
    const onProgress = () => control.abort();
    await assert.rejects(
      trainBoosting(train, null, settings, { ...options, onProgress, signal: control.signal }),
      cancelled,
    );
  });

  test("a listener that throws ends the training with its error", async () => {
    const onProgress = () => {
      throw new RangeError("of the listener");
    };
    await assert.rejects(
      trainBoosting(train, null, { ...parameters, trees: 100_000 }, { task: "binary", workers: 2, onProgress }),
      RangeError,
    );
  });
});

test("cuts ascend, part the values, and give each of few values a bin of its own", () => {
  fc.assert(
    fc.property(
      fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 300 }),
      fc.integer({ min: 2, max: 255 }),
      (numbers, bins) => {
        const values = Float32Array.from(numbers);
        const cuts = quantileCuts(values, 1, 0, bins);
        const distinct = new Set(values.map((value) => value + 0));
        assert.ok(cuts.length <= bins - 1);
        for (let i = 1; i < cuts.length; i++) assert.ok(cuts[i - 1] < cuts[i]);
        for (const cut of cuts) assert.equal(Math.fround(cut), cut);
        if (distinct.size <= bins) assert.equal(cuts.length, distinct.size - 1);
      },
    ),
  );
});
