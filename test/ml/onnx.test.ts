import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { predict } from "../../ml/boosting/predict.ts";
import { trainBoosting } from "../../ml/boosting/train.ts";
import type { BoostedTrees, Tree } from "../../ml/boosting/types.ts";
import { exportBoosting } from "../../ml/onnx/export.ts";
import { inspectModel } from "../../ml/onnx/inspect.ts";
import { openScorer } from "../../ml/onnx/session.ts";
import { readStructure } from "../../ml/onnx/structure.ts";
import { attributes, encodeModel, type OnnxModel } from "../../ml/onnx/writer.ts";
import { isMillraceError } from "../../schemas/errors.ts";
import type { Task } from "../../schemas/lifecycle/model.ts";

const columns = ["a", "b", "c"];

const randomFrom = (seed: number) => {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
};

/** A full tree of the given depth over few thresholds, so that values meet them exactly. */
const randomTree = (depth: number, random: () => number): Tree => {
  const size = 2 ** (depth + 1) - 1;
  const inner = 2 ** depth - 1;
  const isInner = (node: number) => node < inner;
  const pick = <T>(inside: () => T, outside: () => T) =>
    Array.from({ length: size }, (_, node) => (isInner(node) ? inside() : outside()));
  const thresholds = [0.1, 0.2, 0.5, Number.POSITIVE_INFINITY];
  return {
    feature: Int32Array.from(
      pick(
        () => Math.floor(random() * columns.length),
        () => -1,
      ),
    ),
    threshold: Float32Array.from(
      pick(
        () => thresholds[Math.floor(random() * 4)],
        () => 0,
      ),
    ),
    missingLeft: Uint8Array.from(
      pick(
        () => Number(random() < 0.5),
        () => 0,
      ),
    ),
    left: Int32Array.from({ length: size }, (_, node) => (isInner(node) ? 2 * node + 1 : 0)),
    right: Int32Array.from({ length: size }, (_, node) => (isInner(node) ? 2 * node + 2 : 0)),
    value: Float64Array.from(
      pick(
        () => 0,
        () => Math.fround(random() - 0.5),
      ),
    ),
  };
};

const randomModel = (task: Task, trees = 20): BoostedTrees => {
  const random = randomFrom(11);
  return {
    task,
    base: Math.fround(-0.7),
    trees: Array.from({ length: trees }, () => randomTree(4, random)),
    bestIteration: trees,
  };
};

const hostileRows = (rows: number): Float32Array => {
  const random = randomFrom(13);
  const special = [
    Number.NaN,
    Math.fround(0.1),
    Math.fround(0.2),
    0.5,
    0,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
  ];
  return Float32Array.from({ length: rows * columns.length }, () =>
    random() < 0.5 ? random() : special[Math.floor(random() * special.length)],
  );
};

const invalid = (pattern: RegExp) => (error: unknown) =>
  isMillraceError(error, "INVALID_MODEL") && pattern.test(error.message);

describe("export", () => {
  for (const task of ["binary", "regression"] as const) {
    test(`a ${task} model scores in ONNX Runtime as its walker does, on thresholds and without values too`, async () => {
      const model = randomModel(task);
      const values = hostileRows(3000);
      const scorer = await openScorer(exportBoosting(model, columns));
      const outputs = await scorer.score(values, 3000);
      await scorer.close();
      const expected = predict(model, { rows: 3000, columns, values });
      for (let row = 0; row < 3000; row++) {
        // The trees' sums are equal to the bit; only the sigmoid is computed in another way.
        if (task === "regression") assert.equal(outputs[row], expected[row]);
        else assert.ok(Math.abs(outputs[row] - expected[row]) < 2e-7, `row ${row}: ${outputs[row]} ${expected[row]}`);
      }
    });
  }

  test("a trained model scores its own training rows in ONNX Runtime as its walker does", async () => {
    const rows = 3000;
    const values = hostileRows(rows);
    const labels = Float32Array.from({ length: rows }, (_, row) => Number((values[3 * row] || 0.4) > 0.3));
    const parameters = {
      trees: 20,
      learningRate: 0.3,
      maxLeaves: 12,
      maxDepth: 8,
      minLeafRows: 5,
      l2: 0,
      bins: 255,
      validationShare: 0.2,
      earlyStoppingRounds: 0,
      seed: 1,
    };
    const matrix = { rows, columns, values, labels };
    const model = await trainBoosting(matrix, null, parameters, { task: "binary", workers: 2 });
    const scorer = await openScorer(exportBoosting(model, columns));
    const outputs = await scorer.score(values, rows);
    await scorer.close();
    const expected = predict(model, matrix);
    for (let row = 0; row < rows; row++) assert.ok(Math.abs(outputs[row] - expected[row]) < 2e-7, `row ${row}`);
  });

  test("the file names its columns, its task and what else was given", async () => {
    const onnx = exportBoosting(randomModel("binary"), columns, { note: "ü" });
    const { signature, ...said } = await inspectModel(onnx);
    assert.deepEqual(signature, {
      inputs: [{ name: "features", type: "float32", shape: [-1, 3] }],
      outputs: [{ name: "output", type: "float32", shape: [-1, 1] }],
    });
    assert.deepEqual(said, { size: onnx.length, columns, task: "binary", output: "output", outputIndex: 0 });
    assert.deepEqual(readStructure(onnx).metadata, {
      note: "ü",
      "millrace.columns": '["a","b","c"]',
      "millrace.task": "binary",
    });
  });
});

describe("scoring", () => {
  test("a row's score is the same, bit for bit, in whatever batch it is", async () => {
    const values = hostileRows(9000);
    // More trees than ONNX Runtime takes in one block, and more rows than one call.
    const scorer = await openScorer(exportBoosting(randomModel("binary", 300), columns));
    const whole = await scorer.score(values, 9000);
    for (const size of [1, 2, 3, 7, 31, 64, 127, 1000, 4097]) {
      const rows = Math.min(9000, size * 40);
      for (let from = 0; from < rows; from += size) {
        const count = Math.min(size, rows - from);
        const part = await scorer.score(values.subarray(from * 3, (from + count) * 3), count);
        assert.deepEqual(part, whole.slice(from, from + count));
      }
    }
    assert.equal((await scorer.score(values, 0)).length, 0);
    await scorer.close();
  });

  test("the runtime is named", async () => {
    const scorer = await openScorer(exportBoosting(randomModel("regression"), columns));
    assert.match(scorer.runtime, /^onnxruntime \d+\.\d+\.\d+ cpu threads=1$/);
    assert.equal(scorer.columns, 3);
    await scorer.close();
  });

  test("a failure of the model is coded", async () => {
    const scorer = await openScorer(exportBoosting(randomModel("regression"), columns));
    await assert.rejects(scorer.score(new Float32Array(4), 2), (error: unknown) =>
      isMillraceError(error, "SCORING_FAILED"),
    );
    await scorer.close();
  });
});

const graph = (change: Partial<OnnxModel>): Buffer =>
  encodeModel({
    producer: "test",
    graph: "g",
    nodes: [{ operator: "Identity", inputs: ["x"], outputs: ["y"] }],
    inputs: [{ name: "x", shape: ["N", 2] }],
    outputs: [{ name: "y", shape: ["N", 2] }],
    opsets: { "": 17, "ai.onnx.ml": 3 },
    metadata: {},
    ...change,
  });

describe("foreign models", () => {
  test("of two probabilities a row the second is served", async () => {
    const scorer = await openScorer(graph({ nodes: [{ operator: "Softmax", inputs: ["x"], outputs: ["y"] }] }));
    assert.deepEqual(await scorer.score(Float32Array.of(2, 2, 50, -80, -80, 50), 3), Float32Array.of(0.5, 0, 1));
    assert.equal(scorer.task, "binary");
    await scorer.close();
  });

  test("the tensor of probabilities is found beside the labels", async () => {
    const scorer = await openScorer(
      graph({
        nodes: [
          { operator: "Identity", inputs: ["x"], outputs: ["raw"] },
          { operator: "Softmax", inputs: ["x"], outputs: ["probabilities"] },
        ],
        outputs: [
          { name: "raw", shape: ["N", 2] },
          { name: "probabilities", shape: ["N", 2] },
        ],
      }),
    );
    assert.deepEqual(await scorer.score(Float32Array.of(3, 3), 1), Float32Array.of(0.5));
    await scorer.close();
  });

  test("a model that mixes the rows of a batch is scored row by row", async () => {
    const scorer = await openScorer(
      graph({
        nodes: [
          { operator: "Constant", inputs: [], outputs: ["axes"], attributes: [attributes.ints("value_ints", [0])] },
          { operator: "ReduceSum", inputs: ["x", "axes"], outputs: ["sum"] },
          { operator: "Div", inputs: ["x", "sum"], outputs: ["y"] },
        ],
      }),
      { outputIndex: 1 },
    );
    assert.deepEqual(await scorer.score(Float32Array.of(1, 2, 3, 4), 2), Float32Array.of(1, 1));
    await scorer.close();
  });

  test("what cannot be served is refused with the reason", async () => {
    const none = graph({
      nodes: [
        { operator: "Constant", inputs: [], outputs: ["y"], attributes: [attributes.floats("value_floats", [1])] },
      ],
      inputs: [],
      outputs: [{ name: "y", shape: [1] }],
    });
    await assert.rejects(openScorer(none), invalid(/no input/));
    const wide = graph({ inputs: [{ name: "x", shape: ["N", 3] }], outputs: [{ name: "y", shape: ["N", 3] }] });
    await assert.rejects(openScorer(wide), invalid(/Output y has 3 values a row/));
    const fixed = graph({ inputs: [{ name: "x", shape: [1, 2] }], outputs: [{ name: "y", shape: [1, 2] }] });
    await assert.rejects(openScorer(fixed), invalid(/exactly 1 rows/));
    const vague = graph({ inputs: [{ name: "x", shape: ["N", "C"] }], outputs: [{ name: "y", shape: ["N", "C"] }] });
    await assert.rejects(openScorer(vague), invalid(/how many columns/));
    const flat = graph({ inputs: [{ name: "x", shape: ["N"] }], outputs: [{ name: "y", shape: ["N"] }] });
    await assert.rejects(openScorer(flat), invalid(/float32 \[N\]/));
  });

  test("an input for each column is served, the columns in the inputs' order and by their names", async () => {
    const two = graph({
      nodes: [{ operator: "Sub", inputs: ["x", "z"], outputs: ["y"] }],
      inputs: [
        { name: "x", shape: ["N", 1] },
        { name: "z", shape: ["N", 1] },
      ],
      outputs: [{ name: "y", shape: ["N", 1] }],
    });
    const scorer = await openScorer(two);
    assert.deepEqual(await scorer.score(Float32Array.of(5, 2, 7, 8), 2), Float32Array.of(3, -1));
    await scorer.close();
    assert.deepEqual((await inspectModel(two)).columns, ["x", "z"]);
    const vectors = graph({
      nodes: [{ operator: "Sub", inputs: ["x", "z"], outputs: ["y"] }],
      inputs: [
        { name: "x", shape: ["N", 2] },
        { name: "z", shape: ["N", 2] },
      ],
    });
    const chosen = await inspectModel(vectors, { output: null, outputIndex: 0 });
    assert.deepEqual(chosen.columns, ["x_0", "x_1", "z_0", "z_1"]);
  });

  const zipmap = (labels: number[]): Buffer =>
    encodeModel({
      producer: "test",
      graph: "g",
      nodes: [
        { operator: "Softmax", inputs: ["x"], outputs: ["tensor"] },
        {
          operator: "ZipMap",
          domain: "ai.onnx.ml",
          inputs: ["tensor"],
          outputs: ["y"],
          attributes: [attributes.ints("classlabels_int64s", labels)],
        },
      ],
      inputs: [{ name: "x", shape: ["N", 2] }],
      outputs: [{ name: "y", shape: null }],
      opsets: { "": 17, "ai.onnx.ml": 1 },
      metadata: {},
    });

  test("of a classifier with a zipmap the tensor that the maps are made of is served", async () => {
    const scorer = await openScorer(zipmap([0, 1]));
    assert.deepEqual(await scorer.score(Float32Array.of(2, 2, 80, -80), 2), Float32Array.of(0.5, 0));
    assert.deepEqual([scorer.output, scorer.outputIndex, scorer.task], ["y", 1, "binary"]);
    await scorer.close();
  });

  test("the positive class is the one of label 1, wherever it stands, and is asked for where labels do not tell", async () => {
    const scorer = await openScorer(zipmap([1, 0]));
    assert.deepEqual(await scorer.score(Float32Array.of(80, -80), 1), Float32Array.of(1));
    await scorer.close();
    await assert.rejects(openScorer(zipmap([7, 3])), invalid(/do not tell which is the positive one.*`outputIndex`/));
  });

  test("bytes that are no model are refused", async () => {
    const model = exportBoosting(randomModel("binary"), columns);
    for (const bytes of [Buffer.alloc(0), Buffer.from("not onnx"), model.subarray(0, model.length / 2)]) {
      await assert.rejects(inspectModel(bytes), invalid(/not an ONNX model|empty/));
      await assert.rejects(openScorer(bytes), invalid(/not an ONNX model|empty/));
    }
  });
});
