import { isRowwise } from "./bounds/bound.ts";
import { graphOf, operatorOf } from "./graph.ts";
import type { ModelStructure, StructureNode } from "./structure.ts";
import { floatsAttribute, idsAttribute } from "./values.ts";

/**
 * Operators of which a row's answer is the same bits alone and among others, with one thread: trees, which are summed
 * in one order; what moves values or compares them; the arithmetic that IEEE 754 rounds in one way; what the runtime
 * computes row by row (Softmax, Normalizer). Sigmoid is here because it was measured.
 * Not here: sums that a vector unit takes in an order of its own (products of matrices, linear models, ReduceSum),
 * functions that it computes otherwise than one value is (Exp, Log, Tanh), and what treats NaN otherwise (Min, Clip).
 */
const exact = new Set(
  `Identity Cast Reshape Flatten Squeeze Unsqueeze Concat Gather Constant Add Sub Mul Div Neg Abs Where
  Equal Greater GreaterOrEqual Less LessOrEqual And Or Xor Not IsNaN Floor Ceil Sign ArgMax ArgMin Sigmoid Softmax
  ai.onnx.ml:TreeEnsembleRegressor ai.onnx.ml:TreeEnsembleClassifier ai.onnx.ml:Scaler ai.onnx.ml:Imputer
  ai.onnx.ml:Normalizer ai.onnx.ml:FeatureVectorizer ai.onnx.ml:Binarizer ai.onnx.ml:LabelEncoder
  ai.onnx.ml:ArrayFeatureExtractor`.split(/\s+/),
);

/** Whether rows may be scored together: each operator in front of the output answers a row the same in any batch. */
export const areBatchesExact = (structure: ModelStructure, output: string): boolean => {
  if (!isRowwise(structure)) return false;
  const graph = graphOf(structure);
  return graph
    .upstream(output)
    .values()
    .every((value) => {
      const made = graph.makerOf(value);
      return made === undefined || exact.has(operatorOf(made.node));
    });
};

/** Not a multiple of what a vector unit takes at once, and more than one of them. */
export const probeCount = 61;

/** A scaler in front of trees: their thresholds are in its unit. */
type Scale = { offset: Float32Array | null; scale: Float32Array | null };

const scaleOf = (structure: ModelStructure, { inputs: [input] }: StructureNode): Scale => {
  const made = graphOf(structure).makerOf(input)?.node;
  if (made === undefined || operatorOf(made) !== "ai.onnx.ml:Scaler") return { offset: null, scale: null };
  return { offset: floatsAttribute(structure, made, "offset"), scale: floatsAttribute(structure, made, "scale") };
};

const mostThresholds = 1000;

/** Thresholds by column, in the unit of the model's input. */
const thresholdsOf = (structure: ModelStructure, columns: number): number[][] => {
  const found: number[][] = Array.from({ length: columns }, () => []);
  for (const node of structure.nodes) {
    if (!operatorOf(node).startsWith("ai.onnx.ml:TreeEnsemble")) continue;
    const features = idsAttribute(structure, node, "nodes_featureids");
    const values = floatsAttribute(structure, node, "nodes_values");
    if (features === null || values === null) continue;
    const { offset, scale } = scaleOf(structure, node);
    features.forEach((column, i) => {
      const list = found[column];
      if (list === undefined || list.length >= mostThresholds || !Number.isFinite(values[i])) return;
      const factor = scale?.[column] ?? scale?.[0] ?? 1;
      list.push(values[i] / factor + (offset?.[column] ?? offset?.[0] ?? 0));
    });
  }
  return found;
};

/** Not a random source: the same rows on every run, spread by the golden ratio. */
const spread = (i: number): number => (i * 0.6180339887498949) % 1;

const special = [Number.NaN, 0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];

/**
 * Rows in the range that the model was made for: about the thresholds of its trees, behind a scaler too; else values
 * of many sizes. A few are missing, a few infinite.
 */
export const probeRows = (structure: ModelStructure, columns: number): Float32Array => {
  const thresholds = thresholdsOf(structure, columns);
  return Float32Array.from({ length: probeCount * columns }, (_, i) => {
    if (i % 23 === 22) return special[((i / 23) % 4) | 0];
    const list = thresholds[i % columns];
    if (list.length === 0) return Math.sin(i + 1) * 10 ** ((i % 7) - 2);
    const threshold = list[Math.floor(spread(i) * list.length)];
    return threshold + (i % 3) * Math.sin(i + 1) * (Math.abs(threshold) * 0.1 + 0.01);
  });
};
