import assert from "node:assert/strict";
import { test } from "node:test";
import { exportBoosting } from "../../ml/onnx/export.ts";
import { openScorer } from "../../ml/onnx/session.ts";
import { stump } from "../streams/world.ts";

test("a model of 200,000 tree nodes is exported: each node's mode was an argument of one call, which overflowed", async () => {
  const model = stump(0, 1, 0.5, 1);
  const [tree] = model.trees;
  const trees = new Array(70_000).fill({ ...tree, value: Float64Array.of(0, 0, 2 ** -20) });
  const scorer = await openScorer(exportBoosting({ ...model, task: "regression", trees }, ["a"]));
  assert.deepEqual(await scorer.score(Float32Array.of(0, 2), 2), Float32Array.of(0, 70_000 * 2 ** -20));
  await scorer.close();
});
