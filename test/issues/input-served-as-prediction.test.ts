import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { inspectModel } from "../../ml/onnx/inspect.ts";
import { openScorer, type SessionScorer } from "../../ml/onnx/session.ts";
import { encodeModel, type OnnxModel, type OnnxNode } from "../../ml/onnx/writer.ts";
import { isMillraceError } from "../../schemas/errors.ts";

const folder = join(import.meta.dirname, "../models");
const read = (name: string): Buffer => readFileSync(join(folder, name));

type Row = Record<string, number | number[] | boolean | string>;
type Exported = {
  name: string;
  /** The output that ML.NET means by the prediction, less what the exporter appends. */
  output: string;
  expected: (number | number[])[];
  /** Of the model's own; else the common ones. */
  rows?: number[][];
};
const { rows: common, models } = JSON.parse(read("mlnet/expected.json").toString()) as {
  rows: Row[];
  models: Exported[];
};

const scorable = (scorer: SessionScorer, model: Exported): number[][] => {
  if (model.rows !== undefined) return model.rows;
  const { names } = scorer;
  if (names === null) return common.map(({ Features }) => Features as number[]);
  // ML.NET's vectors have a column for each of their values.
  return common.map((row) =>
    names.map((name) => Number(row[name] ?? (row[name.replace(/_\d+$/, "")] as number[])[Number(name.split("_")[1])])),
  );
};

const assertServed = async (scorer: SessionScorer, model: Exported): Promise<void> => {
  const rows = scorable(scorer, model);
  const outputs = await scorer.score(Float32Array.from(rows.flat()), rows.length);
  for (const [i, expected] of model.expected.entries()) {
    const right = Array.isArray(expected) ? expected[scorer.outputIndex] : expected;
    assert.ok(Math.abs(outputs[i] - right) < 1e-4, `row ${i}: ${outputs[i]}, by ML.NET ${right}`);
  }
};

const refused: Record<string, RegExp> = {
  "mc-sdca-score": /3 values a row.*`outputIndex`.*Score\.output float32 \[N, 3\]/,
  "mc-lbfgs-score": /`outputIndex`/,
  "mc-lightgbm-vec-score": /`outputIndex`/,
  "mc-lightgbm-vec-default": /`outputIndex`.*PredictedLabel\.output uint32 \[N, 1\]/,
  "mc-ova-score": /`outputIndex`/,
  "mc-2class-score": /no operator shows.*`outputIndex`/,
  "other-kmeans": /`outputIndex`/,
  "other-kmeans-label": /PredictedLabel\.output uint32 .* not served, a float32 tensor is/,
  "bin-predlabel-only": /PredictedLabel\.output bool .* not served, a float32 tensor is/,
  "named-onehothash": /City is string.*export the model behind the encoding/,
  "named-key": /City is string/,
  "named-text-noNorm": /Text is string/,
};

describe("models that ML.NET exported are served with its own numbers, or refused with a way out", () => {
  assert.equal(models.length, 37);
  for (const model of models) {
    const reason = refused[model.name];
    test(`${model.name} is ${reason === undefined ? "served" : "refused"}`, async () => {
      const onnx = read(`mlnet/${model.name}.onnx`);
      if (reason !== undefined) {
        await assert.rejects(
          openScorer(onnx),
          (error) => isMillraceError(error, "INVALID_MODEL") && reason.test(error.message),
        );
        return;
      }
      const scorer = await openScorer(onnx);
      assert.equal(scorer.output, `${model.output}.output`);
      await assertServed(scorer, model);
      await scorer.close();
    });
  }

  for (const name of ["mc-2class-score", "mc-ova-score", "other-kmeans"]) {
    test(`${name} is served where one of its values is named`, async () => {
      const scorer = await openScorer(read(`mlnet/${name}.onnx`), { output: "Score.output", outputIndex: 1 });
      await assertServed(scorer, models.find((model) => model.name === name)!);
      await scorer.close();
    });
  }

  test("of a regression's outputs the score is served, not the two features", async () => {
    const scorer = await openScorer(read("output_choice.onnx"));
    assert.equal(scorer.output, "Score.output");
    assert.equal(scorer.task, "regression");
    const [output] = await scorer.score(Float32Array.of(5.599, -0.482), 1);
    assert.ok(Math.abs(output - 5.6042213) < 1e-4);
    await scorer.close();
  });
});

type Output = [name: string, width: number];

const graph = (nodes: OnnxNode[], outputs: Output[], change: Partial<OnnxModel> = {}): Buffer =>
  encodeModel({
    producer: "test",
    graph: "g",
    nodes,
    inputs: [{ name: "x", shape: ["N", 2] }],
    outputs: outputs.map(([name, width]) => ({ name, shape: ["N", width] })),
    opsets: { "": 17, "ai.onnx.ml": 3 },
    metadata: {},
    ...change,
  });

const node = (operator: string, inputs: string[], outputs: string[]): OnnxNode => ({ operator, inputs, outputs });

describe("which output is the prediction", () => {
  const passing = [node("Identity", ["x"], ["kept"]), node("Softmax", ["x"], ["y"])];

  test("an input that is passed through is not, wherever it stands", async () => {
    for (const outputs of [
      [["kept", 2] as Output, ["y", 2] as Output],
      [["y", 2] as Output, ["kept", 2] as Output],
    ]) {
      const scorer = await openScorer(graph(passing, outputs));
      assert.equal(scorer.output, "y");
      await scorer.close();
    }
  });

  test("an input that is named a probability is not", async () => {
    const renamed = [node("Identity", ["x"], ["probabilities"]), node("Softmax", ["x"], ["y"])];
    const scorer = await openScorer(
      graph(renamed, [
        ["probabilities", 2],
        ["y", 2],
      ]),
    );
    assert.equal(scorer.output, "y");
    await scorer.close();
  });

  const heads = graph(
    [node("Softmax", ["x"], ["one"]), node("Softmax", ["kept"], ["other"]), node("Neg", ["x"], ["kept"])].toSorted(
      (a, b) => Number(b.operator === "Neg") - Number(a.operator === "Neg"),
    ),
    [
      ["one", 2],
      ["other", 2],
    ],
  );

  test("of two heads neither is: the caller is asked, and told what there is", async () => {
    await assert.rejects(
      openScorer(heads),
      (error) =>
        isMillraceError(error, "INVALID_MODEL") &&
        /one float32 \[N, 2\], other float32 \[N, 2\].*`output`/.test(error.message),
    );
  });

  test("what the caller names is served, or the file's metadata", async () => {
    assert.equal((await inspectModel(heads, { output: "other", outputIndex: 0 })).output, "other");
    const said = graph(passing, [["kept", 2] as Output, ["y", 2] as Output], {
      metadata: { "millrace.output": "kept" },
    });
    await assert.rejects(inspectModel(said), /Output kept has 2 values a row, and no operator shows/);
    const chosen = await inspectModel(said, { output: null, outputIndex: 1 });
    assert.deepEqual([chosen.output, chosen.outputIndex, chosen.task], ["kept", 1, null]);
    await assert.rejects(inspectModel(heads, { output: "third", outputIndex: null }), /no output third; it has one/);
    await assert.rejects(inspectModel(heads, { output: "one", outputIndex: 2 }), /has 2 values a row, of which/);
  });

  test("two values of a row are no probabilities because there are two", async () => {
    const two = graph([node("Neg", ["x"], ["y"])], [["y", 2]]);
    await assert.rejects(openScorer(two), /no operator shows that they are the probabilities of two classes/);
  });

  test("an output that does not answer each row is refused", async () => {
    const constant = graph([node("Transpose", ["x"], ["y"])], [["y", 2]]);
    await assert.rejects(openScorer(constant), /does not answer each row/);
  });
});
