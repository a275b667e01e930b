import type { BoostedTrees } from "../boosting/types.ts";
import { attributes, encodeModel, type OnnxNode } from "./writer.ts";

/** The trees as TreeEnsembleRegressor's parallel lists (ONNX-ML operators, ai.onnx.ml 3). */
const ensembleAttributes = (model: BoostedTrees): Buffer[] => {
  const treeIds: number[] = [];
  const nodeIds: number[] = [];
  const features: number[] = [];
  const thresholds: number[] = [];
  const modes: string[] = [];
  const lefts: number[] = [];
  const rights: number[] = [];
  const missingLeft: number[] = [];
  const leafTrees: number[] = [];
  const leafNodes: number[] = [];
  const leafValues: number[] = [];
  for (const [id, tree] of model.trees.entries()) {
    for (let node = 0; node < tree.feature.length; node++) {
      const leaf = tree.feature[node] < 0;
      treeIds.push(id);
      nodeIds.push(node);
      modes.push(leaf ? "LEAF" : "BRANCH_LEQ");
      features.push(leaf ? 0 : tree.feature[node]);
      thresholds.push(leaf ? 0 : tree.threshold[node]);
      lefts.push(leaf ? 0 : tree.left[node]);
      rights.push(leaf ? 0 : tree.right[node]);
      missingLeft.push(leaf ? 0 : tree.missingLeft[node]);
      if (leaf) {
        leafTrees.push(id);
        leafNodes.push(node);
        leafValues.push(tree.value[node]);
      }
    }
  }
  return [
    attributes.ints("nodes_treeids", treeIds),
    attributes.ints("nodes_nodeids", nodeIds),
    attributes.ints("nodes_featureids", features),
    attributes.floats("nodes_values", thresholds),
    attributes.strings("nodes_modes", modes),
    attributes.ints("nodes_truenodeids", lefts),
    attributes.ints("nodes_falsenodeids", rights),
    attributes.ints("nodes_missing_value_tracks_true", missingLeft),
    attributes.ints("target_treeids", leafTrees),
    attributes.ints("target_nodeids", leafNodes),
    attributes.ints(
      "target_ids",
      leafTrees.map(() => 0),
    ),
    attributes.floats("target_weights", leafValues),
    attributes.floats("base_values", [model.base]),
    attributes.integer("n_targets", 1),
    attributes.string("aggregate_function", "SUM"),
    attributes.string("post_transform", "NONE"),
  ];
};

/**
 * An ONNX file with one input `features` (float [N, columns]) and one output `output` (float [N, 1]): the
 * probability of the positive class, or the value. The sigmoid is a node of its own because ONNX Runtime's
 * TreeEnsembleRegressor leaves out the LOGISTIC post-transform.
 */
export const exportBoosting = (
  model: BoostedTrees,
  columns: string[],
  metadata: Record<string, string> = {},
): Buffer => {
  const binary = model.task === "binary";
  const ensemble: OnnxNode = {
    operator: "TreeEnsembleRegressor",
    domain: "ai.onnx.ml",
    inputs: ["features"],
    outputs: [binary ? "score" : "output"],
    attributes: ensembleAttributes(model),
  };
  return encodeModel({
    producer: "millrace",
    graph: "boosted-trees",
    nodes: binary ? [ensemble, { operator: "Sigmoid", inputs: ["score"], outputs: ["output"] }] : [ensemble],
    inputs: [{ name: "features", shape: ["N", columns.length] }],
    outputs: [{ name: "output", shape: ["N", 1] }],
    opsets: { "": 17, "ai.onnx.ml": 3 },
    metadata: { ...metadata, "millrace.columns": JSON.stringify(columns), "millrace.task": model.task },
  });
};
