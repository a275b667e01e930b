import { type Graph, operatorOf, originOf } from "../graph.ts";
import type { StructureNode } from "../structure.ts";
import { integersAttribute, stringAttribute, stringsAttribute } from "../values.ts";
import { isClassifier } from "./kinds.ts";

const normalising = new Set(["SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"]);

/** Whether a row of a classifier's scores is a distribution by what the operator does. Leaves of forests may hold one. */
const isDistribution = ({ structure }: Graph, node: StructureNode): boolean =>
  normalising.has(stringAttribute(structure, node, "post_transform")) ||
  node.operator === "TreeEnsembleClassifier" ||
  (node.operator === "SVMClassifier" && node.attributes.has("prob_a"));

/**
 * Whether an operator shows that a row of the value is a distribution over classes: a softmax, a classifier's own
 * transformation, shares of a sum, a probability beside its complement. What is in it must look so, too
 * (`looksLikeProbabilities`): a forest's leaves hold shares or anything else.
 */
export const areProbabilities = (graph: Graph, value: string): boolean => {
  const origin = originOf(graph, value);
  const made = graph.makerOf(origin);
  if (made === undefined) return false;
  const { node, at } = made;
  const operator = operatorOf(node);
  if (isClassifier(node)) return at === 1 && isDistribution(graph, node);
  switch (operator) {
    case "Softmax":
      return true;
    case "ai.onnx.ml:Normalizer":
      return stringAttribute(graph.structure, node, "norm") === "L1";
    case "Concat":
      return node.inputs.length === 2 && isComplement(graph, node.inputs);
    case "Exp":
      return isLogDistribution(graph, node.inputs[0]);
    case "Clip":
      return areProbabilities(graph, node.inputs[0]);
    // Shares of several, as a vote has them.
    case "Add":
    case "Sum":
    case "Mean":
      return node.inputs.every((input) => areProbabilities(graph, input));
    case "Mul":
    case "Div":
      return isScaled(graph, node) || isNormalised(graph, node);
    default:
      return false;
  }
};

/** What the value is the sum of along the columns; a sum of 0 may be made 1, for a division by it. */
const summedBy = (graph: Graph, value: string): string | null => {
  const node = graph.makerOf(originOf(graph, value))?.node;
  if (node?.operator === "ReduceSum" || node?.operator === "ReduceL1") return originOf(graph, node.inputs[0]);
  if (node?.operator !== "Add" || node.inputs.length !== 2) return null;
  const guards = node.inputs.map((input) => graph.makerOf(originOf(graph, input))?.node.operator === "Equal");
  const sum = guards[0] === guards[1] ? null : node.inputs[guards[0] ? 1 : 0];
  return sum === null ? null : summedBy(graph, sum);
};

/** Shares of their sum. */
const isNormalised = (graph: Graph, { operator, inputs: [part, sum] }: StructureNode): boolean =>
  operator === "Div" && summedBy(graph, sum) === originOf(graph, part);

const isConstant = ({ structure, makerOf }: Graph, value: string): boolean =>
  structure.initializers.has(value) || makerOf(value)?.node.operator === "Constant";

const isScaled = (graph: Graph, { operator, inputs: [a, b] }: StructureNode): boolean =>
  (isConstant(graph, b) && areProbabilities(graph, a)) ||
  (operator === "Mul" && isConstant(graph, a) && areProbabilities(graph, b));

const isComplement = (graph: Graph, [a, b]: readonly string[]): boolean => {
  const isRest = (rest: string, of: string): boolean => {
    const made = graph.makerOf(originOf(graph, rest));
    return made?.node.operator === "Sub" && originOf(graph, made.node.inputs[1]) === originOf(graph, of);
  };
  return isRest(a, b) || isRest(b, a);
};

const isLogDistribution = (graph: Graph, value: string): boolean => {
  const node = graph.makerOf(originOf(graph, value))?.node;
  if (node?.operator === "LogSoftmax") return true;
  return (
    node?.operator === "Sub" && graph.makerOf(originOf(graph, node.inputs[1]))?.node.operator === "ReduceLogSumExp"
  );
};

const slack = 1e-4;

/** Whether each of these rows is a distribution. Of rows without numbers, which some models have no answer to, none is asked. */
export const looksLikeProbabilities = (values: Float32Array, width: number): boolean => {
  let judged = 0;
  for (let at = 0; at < values.length; at += width) {
    const row = values.subarray(at, at + width);
    if (!row.every(Number.isFinite)) continue;
    judged += 1;
    if (row.some((value) => value < -slack || value > 1 + slack)) return false;
    const sum = row.reduce((total, value) => total + value, 0);
    if (width > 1 && Math.abs(sum - 1) > slack) return false;
  }
  return judged > 0;
};

/** The classes of a two-class output, in its order, where the file names them. */
const labelsOf = (graph: Graph, value: string): (number | string)[] | null => {
  const { structure } = graph;
  for (const name of graph.upstream(value)) {
    const node = graph.makerOf(name)?.node;
    if (node === undefined || !(isClassifier(node) || node.operator === "ZipMap")) continue;
    for (const list of ["classlabels_int64s", "classlabels_ints"]) {
      const labels = integersAttribute(structure, node, list);
      if (labels !== null && labels.length > 0) return labels;
    }
    const labels = stringsAttribute(structure, node, "classlabels_strings");
    if (labels.length > 0) return labels;
  }
  return null;
};

/**
 * Which of two classes is the positive one: of labels in ascending order, as learners write them, and of unknown ones
 * the second; of 1 and 0, or 1 and -1, the 1. Null where the labels do not tell.
 */
export const positiveClass = (graph: Graph, value: string): 0 | 1 | null => {
  const labels = labelsOf(graph, value);
  if (labels === null || labels.length !== 2 || labels[0] < labels[1]) return 1;
  return labels[0] === 1 && (labels[1] === 0 || labels[1] === -1) ? 0 : null;
};
