import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { openScorer } from "../../ml/onnx/session.ts";
import { isMillraceError } from "../../schemas/errors.ts";
import type { OutputChoice } from "../../schemas/lifecycle/model.ts";

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
