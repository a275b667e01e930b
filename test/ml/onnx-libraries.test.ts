import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { boundOf } from "../../ml/onnx/bounds/bound.ts";
import { openScorer } from "../../ml/onnx/session.ts";
import { readStructure } from "../../ml/onnx/structure.ts";
import { isMillraceError } from "../../schemas/errors.ts";
import type { OutputChoice } from "../../schemas/lifecycle/model.ts";
import { guardedScorer } from "../../serving/scorer.ts";

const folder = join(import.meta.dirname, "libraries");
const read = (name: string): Buffer => readFileSync(join(folder, name));

/** `expected` are the library's own numbers; null where the file does not show what is the prediction. */
type Exported = OutputChoice & { task: "binary" | "regression" | "any" | null; expected: number[] | null };
const { rows, models } = JSON.parse(read("expected.json").toString()) as {
  rows: number[][];
  models: Record<string, Exported>;
};

describe("models of scikit-learn, XGBoost, LightGBM, CatBoost and PyTorch", () => {
  for (const [name, { expected, task, ...choice }] of Object.entries(models)) {
    if (expected === null) {
      test(`${name} is refused, saying what there is and how to name it`, async () => {
        const isRefused = (error: unknown): boolean =>
          isMillraceError(error, "INVALID_MODEL") &&
          /`outputIndex`.* float32 \[N, |float32 \[N, .*`output`/.test(error.message);
        await assert.rejects(openScorer(read(`${name}.onnx`), choice), isRefused);
      });
      continue;
    }
    test(`${name} scores as its library does`, async () => {
      const scorer = await openScorer(read(`${name}.onnx`), choice);
      const outputs = await scorer.score(Float32Array.from(rows.flat()), rows.length);
      await scorer.close();
      if (task !== "any") assert.equal(scorer.task, task);
      for (const [i, right] of expected.entries()) {
        const slack = 1e-4 * Math.max(1, Math.abs(right));
        assert.ok(Math.abs(outputs[i] - right) < slack, `row ${i}: ${outputs[i]}, by the library ${right}`);
      }
    });
  }
});

test("the value that was chosen is served from a process of its own, too", async () => {
  const limits = { inspectTimeoutMs: 60_000, scoreTimeoutMs: 60_000, memoryBytes: 2 ** 31 };
  const name = "sklearn-two-means-named";
  const onnx = read(`${name}.onnx`);
  assert.equal(boundOf(readStructure(onnx)).isBounded, false);
  const { expected, output, outputIndex } = models[name];
  const scorer = await guardedScorer(onnx, limits, { output, outputIndex });
  const outputs = await scorer.score(Float32Array.from(rows.flat()), rows.length);
  assert.ok(outputs.every((value, i) => Math.abs(value - expected![i]) < 1e-4));
  assert.deepEqual([scorer.output, scorer.outputIndex, scorer.differed()], ["scores", 0, false]);
  await scorer.close();
});
