import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, test } from "node:test";
import { batchScorer, type Call } from "../../ml/onnx/batch-scorer.ts";
import { areBatchesExact, probeCount, probeRows } from "../../ml/onnx/batches.ts";
import { tensorsOfMaps } from "../../ml/onnx/outputs/maps.ts";
import { openScorer, type SessionScorer } from "../../ml/onnx/session.ts";
import { readStructure } from "../../ml/onnx/structure.ts";
import { isMillraceError } from "../../schemas/errors.ts";

const root = join(import.meta.dirname, "..");
const files = globSync(["models/**/*.onnx", "ml/libraries/*.onnx", "ml/exports/*.onnx"], { cwd: root });

const randomFrom = (seed: number) => {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
};

const rowsOfOne = 300;

/** Rows as they were trained on: what is there for scikit-learn and its kin has a scale for each column. */
const rowsFor = (file: string, { columns, names }: SessionScorer): Float32Array => {
  const random = randomFrom(3);
  const [offsets, scales] = file.includes("libraries")
    ? [
        [0, 500, -20, 0.1],
        [1, 200, 5, 0.02],
      ]
    : [[], []];
  return Float32Array.from({ length: rowsOfOne * columns }, (_, i) => {
    const column = i % columns;
    if (names?.[column] === "Hub") return Number(random() < 0.5);
    if (names?.[column] === "Num" || names?.[column] === "Big") return Math.floor(random() * 900);
    return (random() * 6 - 2) * (scales[column] ?? 1.5) + (offsets[column] ?? 0);
  });
};

const opened = async (onnx: Buffer): Promise<SessionScorer | null> => {
  for (const outputIndex of [null, 0]) {
    try {
      return await openScorer(onnx, { outputIndex });
    } catch (error) {
      if (!isMillraceError(error, "INVALID_MODEL")) throw error;
    }
  }
  return null;
};

const differing = async (scorer: SessionScorer, rows: Float32Array, sizes: number[]): Promise<number> => {
  const { columns } = scorer;
  const alone = new Float32Array(rowsOfOne);
  for (let row = 0; row < rowsOfOne; row++) {
    [alone[row]] = await scorer.score(rows.subarray(row * columns, (row + 1) * columns), 1);
  }
  let count = 0;
  for (const size of sizes) {
    for (let from = 0; from < rowsOfOne; from += size) {
      const part = Math.min(size, rowsOfOne - from);
      const outputs = await scorer.score(rows.subarray(from * columns, (from + part) * columns), part);
      outputs.forEach((output, i) => {
        if (!Object.is(output, alone[from + i])) count += 1;
      });
    }
  }
  return count;
};

describe("a row has the same bits alone and in whatever batch", () => {
  for (const file of files) {
    test(file, async (context) => {
      const scorer = await opened(readFileSync(join(root, file)));
      if (scorer === null) {
        context.diagnostic("not served");
        return;
      }
      assert.equal(await differing(scorer, rowsFor(file, scorer), [rowsOfOne, 64, 7]), 0);
      await scorer.close();
    });
  }
});

describe("rows are scored together where that is known to be exact", () => {
  const exact = (name: string): boolean => {
    const file = files.find((one) => basename(one) === `${name}.onnx`);
    assert.ok(file, name);
    const structure = readStructure(readFileSync(join(root, file)));
    const output = structure.outputs.at(-1)!;
    return areBatchesExact(structure, tensorsOfMaps(structure).get(output) ?? output);
  };

  test("trees are, behind what prepares their features and in front of a sigmoid, too", () => {
    for (const name of [
      "bin-fasttree-default",
      "bin-fastforest-default",
      "bin-lightgbm-default",
      "pre-minmax-fasttree",
      "pre-missing-lgbm",
      "named-concat-fasttree-prob",
      "reg-fasttree-score",
      "sklearn-forest",
      "sklearn-boosting",
      "xgboost-classifier",
      "lightgbm-classifier",
      "catboost-classifier",
      "catboost-regressor",
    ]) {
      assert.equal(exact(name), true, name);
    }
  });

  test("linear models, networks, support vectors, neighbours and distances are not", () => {
    for (const name of [
      "batch_bits",
      "bin-lbfgs-default",
      "reg-poisson-score",
      "other-kmeans",
      "sklearn-logistic",
      "sklearn-ridge",
      "sklearn-svr",
      "sklearn-neighbours",
      "torch-value",
    ]) {
      assert.equal(exact(name), false, name);
    }
  });

  test("a tree's probe has rows on both sides of its thresholds, behind a scaler, too", async () => {
    for (const name of ["bin-fasttree-default", "pre-minmax-fasttree"]) {
      const onnx = readFileSync(join(root, `models/mlnet/${name}.onnx`));
      const scorer = await openScorer(onnx);
      const outputs = await scorer.score(probeRows(readStructure(onnx), scorer.columns), probeCount);
      await scorer.close();
      // Rows that all go one way would have one score.
      assert.ok(new Set(outputs).size > probeCount / 2, `${new Set(outputs).size} scores`);
    }
  });
});

describe("the live check", () => {
  /** A model whose answer is another in batches of more than 100: as a kernel for large ones may be. */
  const summed = (calls: number[]): Call => {
    return async (rows, count) => {
      calls.push(count);
      return Float32Array.from({ length: count }, (_, row) => rows[row] + (count > 100 ? 2 ** -20 : 0));
    };
  };
  const rows = Float32Array.from({ length: 5000 }, (_, i) => (i % 512) / 512);

  test("scores a batch again, row by row, before anything of it is answered, and stays so", async () => {
    const calls: number[] = [];
    const { score, differed } = batchScorer(summed(calls), 1, [1, 0], true);
    assert.deepEqual(await score(rows, 100), rows.slice(0, 100));
    assert.equal(differed(), false);
    assert.deepEqual(calls, [100, 1]);
    assert.deepEqual(await score(rows, 5000), rows);
    assert.equal(differed(), true);
    calls.length = 0;
    assert.deepEqual(await score(rows, 50), rows.slice(0, 50));
    assert.ok(calls.length === 50 && calls.every((count) => count === 1));
  });

  test("looks at each place of a batch in time", async () => {
    const looked = new Set<number>();
    const call: Call = async (given, count) => {
      if (count === 1) looked.add(given[0]);
      return given.slice(0, count);
    };
    const { score } = batchScorer(call, 1, [1, 0], true);
    for (let batch = 0; batch < 64 * 8; batch++) await score(rows, 64);
    assert.equal(looked.size, 64);
  });
});
