import type { BoostedTrees, TrainingMatrix, Tree } from "./types.ts";

export const sigmoid = (score: number): number => 1 / (1 + Math.exp(-score));

/** The leaf's value for the row that starts at `at`. */
export const walk = (tree: Tree, values: Float32Array, at: number): number => {
  let node = 0;
  while (tree.feature[node] >= 0) {
    const x = values[at + tree.feature[node]];
    const toLeft = Number.isNaN(x) ? tree.missingLeft[node] === 1 : x <= tree.threshold[node];
    node = toLeft ? tree.left[node] : tree.right[node];
  }
  return tree.value[node];
};

/**
 * The reference that the exported ONNX is held to: the probability of the positive class, or the value, by row.
 * Sums in float32 and in tree order, as ONNX Runtime does.
 */
export const predict = (model: BoostedTrees, matrix: Pick<TrainingMatrix, "rows" | "columns" | "values">) => {
  const width = matrix.columns.length;
  const outputs = new Float64Array(matrix.rows);
  for (let row = 0; row < matrix.rows; row++) {
    let score = 0;
    for (const tree of model.trees) score = Math.fround(score + walk(tree, matrix.values, row * width));
    score = Math.fround(score + model.base);
    outputs[row] = model.task === "binary" ? sigmoid(score) : score;
  }
  return outputs;
};
