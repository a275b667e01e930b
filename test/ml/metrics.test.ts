import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { auc, brier, decisions, logLoss } from "../../ml/metrics/classification.ts";
import { mae, r2, rmse } from "../../ml/metrics/regression.ts";
import { addToTile, mergeTiles, newMetricTile, summarizeTile } from "../../ml/metrics/tile.ts";
import type { Task } from "../../schemas/lifecycle/model.ts";

const close = (actual: number, expected: number, within = 1e-12) =>
  assert.ok(Math.abs(actual - expected) <= within, `${actual} is not within ${within} of ${expected}`);

describe("classification", () => {
  const scores = [0.1, 0.4, 0.35, 0.8];
  const labels = [0, 0, 1, 1];

  test("known values", () => {
    // The example of scikit-learn's roc_auc_score.
    assert.equal(auc(scores, labels), 0.75);
    close(logLoss(scores, labels), -(Math.log(0.9) + Math.log(0.6) + Math.log(0.35) + Math.log(0.8)) / 4);
    close(brier(scores, labels), (0.01 + 0.16 + 0.4225 + 0.04) / 4);
    assert.deepEqual(decisions(scores, labels, 0.4), { accuracy: 0.5, precision: 0.5, recall: 0.5, f1: 0.5 });
    assert.deepEqual(decisions(scores, labels, 0.9), { accuracy: 0.5, precision: 0, recall: 0, f1: 0 });
  });

  test("ties count half, one class gives no area, certainty costs no infinity", () => {
    assert.equal(auc([0.5, 0.5, 0.5], [0, 1, 1]), 0.5);
    assert.ok(Number.isNaN(auc([0.5, 0.6], [1, 1])));
    close(logLoss([0], [1]), -Math.log(1e-7));
  });

  test("the area by ranks is the share of pairs in order", () => {
    const rows = fc.array(fc.tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 1 })), { minLength: 2 });
    fc.assert(
      fc.property(rows, (pairs) => {
        const positives = pairs.filter(([, label]) => label === 1);
        const negatives = pairs.filter(([, label]) => label === 0);
        fc.pre(positives.length > 0 && negatives.length > 0);
        let ordered = 0;
        for (const [p] of positives) for (const [n] of negatives) ordered += p > n ? 1 : p === n ? 0.5 : 0;
        const area = auc(
          pairs.map(([score]) => score),
          pairs.map(([, label]) => label),
        );
        close(area, ordered / (positives.length * negatives.length));
      }),
    );
  });
});

test("regression: known values", () => {
  const outputs = [2.5, 0, 2, 8];
  const labels = [3, -0.5, 2, 7];
  close(rmse(outputs, labels), Math.sqrt(0.375));
  close(mae(outputs, labels), 0.5);
  // The example of scikit-learn's r2_score.
  close(r2(outputs, labels), 0.9486081370449679);
  assert.ok(Number.isNaN(r2([1, 2], [3, 3])));
});

type Row = [output: number, outcome: number];

const tileOf = (task: Task, rows: readonly Row[]): Float64Array => {
  const tile = newMetricTile(task);
  for (const [output, outcome] of rows) addToTile(tile, output, outcome);
  return tile;
};

const arbitraryRows: Record<Task, fc.Arbitrary<Row[]>> = {
  binary: fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.constantFrom(0, 1))),
  regression: fc.array(fc.tuple(fc.integer({ min: -1000, max: 1000 }), fc.integer({ min: -1000, max: 1000 }))),
};

describe("tiles", () => {
  for (const task of ["binary", "regression"] as const) {
    test(`${task}: merging commutes, associates up to rounding, and is adding all rows to one`, () => {
      const rows = arbitraryRows[task];
      fc.assert(
        fc.property(rows, rows, rows, (a, b, c) => {
          const [x, y, z] = [a, b, c].map((part) => tileOf(task, part));
          const merged = (into: Float64Array, from: Float64Array) => mergeTiles(into.slice(), from);
          assert.deepEqual(merged(x, y), merged(y, x));
          const left = merged(merged(x, y), z);
          const right = merged(x, merged(y, z));
          const whole = tileOf(task, [...a, ...b, ...c]);
          for (let i = 0; i < whole.length; i++) {
            close(left[i], right[i], 1e-9);
            close(left[i], whole[i], 1e-9);
          }
        }),
        { numRuns: 50 },
      );
    });
  }

  test("a binary summary is that of its rows; the area differs by ties within a bin only", () => {
    fc.assert(
      fc.property(arbitraryRows.binary, fc.integer({ min: 0, max: 1000 }), (rows, step) => {
        const scores = rows.map(([score]) => score);
        const labels = rows.map(([, label]) => label);
        const positives = labels.filter((label) => label === 1).length;
        fc.pre(rows.length > 0 && positives > 0 && positives < rows.length);
        const summary = summarizeTile("binary", tileOf("binary", rows), step / 1000);
        assert.equal(summary.count, rows.length);
        close(summary.logLoss, logLoss(scores, labels), 1e-9);
        close(summary.brier, brier(scores, labels), 1e-9);
        const binned = scores.map((score) => Math.min(999, Math.floor(score * 1000)));
        close(summary.auc, auc(binned, labels), 1e-9);
        const expected = decisions(binned, labels, step);
        for (const name of ["accuracy", "precision", "recall", "f1"] as const) close(summary[name], expected[name]);
      }),
    );
  });

  test("the area of smooth scores is close to the exact one", () => {
    const rows = Array.from({ length: 20_000 }, (_, i): Row => {
      const score = (i * 0.6180339887498949) % 1;
      return [score, Number((i * 0.4142135623730951) % 1 < score)];
    });
    const exact = auc(
      rows.map(([score]) => score),
      rows.map(([, label]) => label),
    );
    close(summarizeTile("binary", tileOf("binary", rows), 0.5).auc, exact, 1e-4);
  });

  test("a regression summary is that of its rows", () => {
    const rows: Row[] = [
      [2.5, 3],
      [0, -0.5],
      [2, 2],
      [8, 7],
    ];
    const summary = summarizeTile("regression", tileOf("regression", rows), 0);
    close(summary.rmse, Math.sqrt(0.375));
    close(summary.mae, 0.5);
    close(summary.r2, 0.9486081370449679);
    close(summary.meanOutcome, 2.875);
  });

  test("what the rows do not give is left out", () => {
    assert.deepEqual(summarizeTile("binary", newMetricTile("binary"), 0.5), { count: 0 });
    assert.equal("auc" in summarizeTile("binary", tileOf("binary", [[0.3, 1]]), 0.5), false);
    assert.equal("r2" in summarizeTile("regression", tileOf("regression", [[3, 1]]), 0.5), false);
  });
});
