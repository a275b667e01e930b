import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { boundOf } from "../../ml/onnx/bounds/bound.ts";
import { exportBoosting } from "../../ml/onnx/export.ts";
import { openScorer } from "../../ml/onnx/session.ts";
import { readStructure } from "../../ml/onnx/structure.ts";
import {
  attributes,
  bytes,
  encodeModel,
  integer,
  message,
  type OnnxModel,
  type OnnxNode,
} from "../../ml/onnx/writer.ts";
import { isMillraceError } from "../../schemas/errors.ts";
import { stump } from "../streams/world.ts";
import {
  circularTree,
  constantProduct,
  deepTree,
  endlessLoop,
  hugeByInput,
  hugeConstant,
  loopByInput,
  messageAttribute,
  tensor,
  treeOf,
} from "../support/evil-models.ts";

const graph = (nodes: OnnxNode[], change: Partial<OnnxModel> = {}): Buffer =>
  encodeModel({
    producer: "test",
    graph: "g",
    nodes,
    inputs: [{ name: "x", shape: ["N", 2] }],
    outputs: [{ name: "y", shape: null }],
    opsets: { "": 17, "ai.onnx.ml": 3 },
    metadata: {},
    ...change,
  });

const constant = (name: string, type: "float" | "int64", dims: number[]): OnnxNode => ({
  operator: "Constant",
  inputs: [],
  outputs: [name],
  attributes: [
    messageAttribute("value", [5, 4], ...tensor(type, dims, new Array(dims.reduce((a, b) => a * b, 1)).fill(1))),
  ],
});
const node = (operator: string, inputs: string[], outputs: string[], ...given: Buffer[]): OnnxNode => ({
  operator,
  inputs,
  outputs,
  attributes: given,
});

const reasonOf = (onnx: Buffer): string => {
  const bound = boundOf(readStructure(onnx));
  return bound.isBounded ? `bounded: ${bound.cost} ns` : bound.reason;
};

describe("what is scored in a thread", () => {
  const folder = join(import.meta.dirname, "exports");
  for (const file of readdirSync(folder).filter((name) => name.endsWith(".onnx") && !name.includes("zipmap"))) {
    test(`${file}`, () => assert.match(reasonOf(readFileSync(join(folder, file))), /^bounded/));
  }

  test("what the platform trains, of many trees, too", () => {
    assert.match(reasonOf(exportBoosting(stump(0, 1, 0, 1), ["a"])), /^bounded/);
    const [tree] = stump(0, 1, 0, 1).trees;
    const many = { ...stump(0, 1, 0, 1), trees: new Array(50_000).fill(tree) };
    assert.match(reasonOf(exportBoosting(many, ["a"])), /costs too much/);
    many.trees.length = 20_000;
    assert.match(reasonOf(exportBoosting(many, ["a"])), /^bounded/);
  });

  test("a small network", () => {
    const network = graph([
      constant("w1", "float", [2, 8]),
      constant("b1", "float", [8]),
      node("Gemm", ["x", "w1", "b1"], ["h"]),
      node("Relu", ["h"], ["r"]),
      constant("w2", "float", [8, 1]),
      node("MatMul", ["r", "w2"], ["o"]),
      node("Sigmoid", ["o"], ["y"]),
    ]);
    assert.match(reasonOf(network), /^bounded/);
  });
});

describe("what is scored in a process of its own", () => {
  const wide = Array.from({ length: 30 }, (_, i) =>
    node(
      "Concat",
      [i === 0 ? "x" : `c${i - 1}`, i === 0 ? "x" : `c${i - 1}`],
      [`c${i}`],
      attributes.integer("axis", 1),
    ),
  );
  const cases: Record<string, [onnx: Buffer, reason: RegExp]> = {
    "a loop": [endlessLoop, /graphs inside of nodes/],
    "a loop by input": [loopByInput, /graphs inside of nodes/],
    "a constant in the place of its size": [hugeConstant(10), /operator ConstantOfShape/],
    "a product of constants": [constantProduct(10), /operator ConstantOfShape/],
    "a size by input": [hugeByInput, /mixes rows/],
    "a tree that is too deep for a thread": [deepTree(5_000), /too deep/],
    "columns doubled 30 times": [graph(wide), /too much memory/],
    "a million columns out of one": [
      graph(
        [
          node("ReduceSum", ["x", "axis"], ["c"]),
          node("MatMul", ["c", "wide"], ["w"]),
          node("ReduceSum", ["w", "axis"], ["y"]),
        ].toSpliced(0, 0, constant("axis", "int64", [1]), constant("wide", "float", [1, 100_000])),
      ),
      /too much memory/,
    ],
    "an operator that nobody knows": [graph([node("Whatever", ["x"], ["y"])]), /operator Whatever/],
    "a name of every object": [graph([node("constructor", ["x"], ["y"])]), /operator constructor/],
    "all rows by all rows: a vector and a column": [
      graph(
        [
          node("ReduceSum", ["x", "axis"], ["v"], attributes.integer("keepdims", 0)),
          node("ReduceSum", ["x", "axis"], ["c"]),
          node("Add", ["v", "c"], ["y"]),
        ].toSpliced(0, 0, constant("axis", "int64", [1])),
      ),
      /do not meet row by row/,
    ],
    "all rows by all rows: a product with itself": [graph([node("MatMul", ["x", "x"], ["y"])]), /not a constant/],
    "rows laid one after the other": [
      graph([constant("shape", "int64", [1]), node("Reshape", ["x", "shape"], ["y"])]),
      /makes another shape/,
    ],
    "an attribute given twice": [
      graph([node("Softmax", ["x"], ["y"], attributes.integer("axis", 1), attributes.integer("axis", 0))]),
      /a name twice/,
    ],
    "a negative count of outputs": [
      graph([
        {
          ...node(
            "LinearRegressor",
            ["x"],
            ["y"],
            attributes.floats("coefficients", [1, 1]),
            attributes.integer("targets", -1e9),
          ),
          domain: "ai.onnx.ml",
        },
      ]),
      /no natural number/,
    ],
    "a function of the file with a known operator's name": [
      Buffer.concat([graph([node("Relu", ["x"], ["y"])]), message(25, bytes(1, "Relu"), integer(13, 1))]),
      /functions/,
    ],
  };
  for (const [what, [onnx, reason]] of Object.entries(cases)) {
    test(what, () => assert.match(reasonOf(onnx), reason));
  }
});

describe("trees", () => {
  test("a branch that leads back to its own start is INVALID_MODEL: some rows would go round for ever", async () => {
    assert.throws(
      () => boundOf(readStructure(circularTree)),
      (error) => isMillraceError(error, "INVALID_MODEL") && /leads back/.test(error.message),
    );
  });

  test("two branches that meet in one node are no circle", async () => {
    const meeting = treeOf([{ at: 1, yes: 2, no: 1 }, { at: 2, yes: 2, no: 3 }, "leaf", "leaf"]);
    assert.match(reasonOf(meeting), /^bounded/);
    const scorer = await openScorer(meeting);
    assert.deepEqual(await scorer.score(Float32Array.of(0, 1.5, 3), 3), Float32Array.of(1, 1, 1));
    await scorer.close();
  });
});
