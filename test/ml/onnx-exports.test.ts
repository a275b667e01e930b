import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { openScorer } from "../../ml/onnx/session.ts";
import { isMillraceError } from "../../schemas/errors.ts";

const folder = join(import.meta.dirname, "exports");
const read = (name: string): Buffer => readFileSync(join(folder, name));
const { rows, outputs } = JSON.parse(read("expected.json").toString()) as {
  rows: number[][];
  outputs: Record<string, number[]>;
};

describe("exports of scikit-learn and XGBoost", () => {
  for (const [name, expected] of Object.entries(outputs)) {
    test(`${name} scores as ONNX Runtime does in Python, and tells its task`, async () => {
      const scorer = await openScorer(read(`${name}.onnx`));
      const scores = await scorer.score(Float32Array.from(rows.flat()), rows.length);
      await scorer.close();
      assert.equal(scorer.columns, 3);
      assert.equal(scorer.task, name.endsWith("classifier") || name.endsWith("pipeline") ? "binary" : "regression");
      for (const [i, score] of scores.entries()) {
        assert.ok(Math.abs(score - expected[i]) < 1e-6, `row ${i}: ${score} ${expected[i]}`);
      }
    });
  }

  const refused = { "sklearn-three-classes": /3 values a row.*`outputIndex`/ };
  for (const [name, message] of Object.entries(refused)) {
    test(`${name} is refused, saying what is served`, async () => {
      await assert.rejects(
        openScorer(read(`${name}.onnx`)),
        (error) => isMillraceError(error, "INVALID_MODEL") && message.test(error.message),
      );
    });
  }
});
