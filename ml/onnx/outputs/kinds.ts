import { type Graph, operatorOf } from "../graph.ts";
import type { StructureNode } from "../structure.ts";

const named = (text: string): ReadonlySet<string> => new Set(text.split(/\s+/).filter((word) => word !== ""));

/**
 * Operators that prepare features, put answers into another form or compare. Any other one may be what was learned: a
 * matrix product, trees, support vectors, whatever is not known here.
 */
const plain = named(`
  Identity Cast CastLike Reshape Flatten Squeeze Unsqueeze Transpose Dropout Expand Tile Slice Gather GatherElements
  Split Concat Pad Shape Size Constant ConstantOfShape Range
  Add Sub Mul Div Mod Pow Neg Abs Exp Log Sqrt Reciprocal Sin Cos Tanh Erf Sigmoid HardSigmoid Softplus Softsign
  Relu LeakyRelu Elu Selu Celu PRelu ThresholdedRelu Gelu Mish Clip Min Max Sum Mean Where
  Equal Greater GreaterOrEqual Less LessOrEqual And Or Xor Not IsNaN IsInf Floor Ceil Round Sign
  Softmax LogSoftmax Hardmax ArgMax ArgMin TopK CumSum
  ReduceSum ReduceMean ReduceMax ReduceMin ReduceProd ReduceSumSquare ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp
  BatchNormalization LayerNormalization InstanceNormalization
  ai.onnx.ml:Scaler ai.onnx.ml:Normalizer ai.onnx.ml:Imputer ai.onnx.ml:OneHotEncoder ai.onnx.ml:FeatureVectorizer
  ai.onnx.ml:LabelEncoder ai.onnx.ml:Binarizer ai.onnx.ml:ArrayFeatureExtractor ai.onnx.ml:ZipMap ai.onnx.ml:CastMap
  ai.onnx.ml:CategoryMapper ai.onnx.ml:DictVectorizer
`);

export const isLearned = (node: StructureNode): boolean => !plain.has(operatorOf(node));

/** These make an answer of whatever they are given. */
const answering = named("Softmax LogSoftmax Sigmoid");

/** Something learned, or an answer, stands in front of the value. */
export const isComputed = (graph: Graph, value: string): boolean =>
  graph
    .upstream(value)
    .values()
    .some((name) => {
      const made = graph.makerOf(name);
      return made !== undefined && (isLearned(made.node) || answering.has(operatorOf(made.node)));
    });

/** Something learned stands behind it: it is an intermediate step, as a feature or a hidden layer is. */
export const isIntermediate = (graph: Graph, value: string): boolean =>
  graph.downstream(value).values().some(isLearned);

const deciding = named(`
  ArgMax ArgMin Hardmax TopK Equal Greater GreaterOrEqual Less LessOrEqual And Or Xor Not Sign Round Floor Ceil
  IsNaN IsInf Where ai.onnx.ml:Binarizer ai.onnx.ml:LabelEncoder ai.onnx.ml:CategoryMapper ai.onnx.ml:OneHotEncoder
`);

const classifiers = named("ai.onnx.ml:TreeEnsembleClassifier ai.onnx.ml:LinearClassifier ai.onnx.ml:SVMClassifier");

export const isClassifier = (node: StructureNode): boolean => classifiers.has(operatorOf(node));

/** The value, at its origin, is a label or a yes or no. */
export const isDecision = (graph: Graph, origin: string): boolean => {
  const made = graph.makerOf(origin);
  if (made === undefined) return false;
  return deciding.has(operatorOf(made.node)) || (isClassifier(made.node) && made.at === 0);
};
