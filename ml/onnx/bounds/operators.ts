import type { ModelStructure, StructureNode } from "../structure.ts";
import { treeSteps } from "../trees.ts";
import {
  attributeTensor,
  integerAttribute,
  integersAttribute,
  lengthOfAttribute,
  tensorDims,
  tensorIntegers,
} from "../values.ts";
import {
  broadcast,
  constant,
  constantOf,
  rowsOf,
  rowWidth,
  type Shape,
  sizeOf,
  unbounded,
  vector,
  widthOf,
} from "./shapes.ts";

/** A node, and what its inputs are; undefined where an optional one is left out. */
export type Applied = { structure: ModelStructure; node: StructureNode; inputs: (Shape | undefined)[] };

/** What a node answers, and about how many nanoseconds that takes for a row of the input. */
export type Effect = { outputs: Shape[]; cost: number };

export type Rule = (applied: Applied) => Effect;

/** Nanoseconds: of a transcendental function, a step down a tree, a multiplication in a matrix product. */
const elementCost = 10;
const treeStepCost = 10;
const productCost = 1;
const kernelCost = 20;
const mapCost = 200;

const elementwise = (shape: Shape): Effect => ({ outputs: [shape], cost: elementCost * widthOf(shape) });

const needed = ({ inputs }: Applied, at: number): Shape => inputs[at] ?? unbounded("an operator lacks an input");

/** One value in, one out; further inputs are constants of a single value, as Clip's limits are. */
const unary: Rule = (applied) => {
  for (const extra of applied.inputs.slice(1)) if (extra !== undefined) constantOf(extra);
  return elementwise(needed(applied, 0));
};

const combined: Rule = ({ inputs }) => {
  const given = inputs.map((input) => input ?? unbounded("an operator lacks an input"));
  const outcome = given.reduce(broadcast);
  return { outputs: [outcome], cost: elementCost * given.length * widthOf(outcome) };
};

/** Along the columns: along the rows, an answer would hang on the other rows of its batch. */
const isAlongColumns = (axis: number): boolean => axis === 1 || axis === -1;

const isSecondAxis = (axes: number[] | null): boolean => axes?.length === 1 && isAlongColumns(axes[0]);

const alongColumns: Rule = (applied) => {
  const width = rowWidth(applied.inputs[0]);
  if (!isAlongColumns(integerAttribute(applied.structure, applied.node, "axis", -1))) unbounded("it mixes rows");
  return elementwise(rowsOf(width));
};

const axesOf = ({ structure, node, inputs }: Applied): number[] | null =>
  inputs[1] === undefined ? integersAttribute(structure, node, "axes") : constantOf(inputs[1]).integers;

const reduced = (applied: Applied, axes: number[] | null): Effect => {
  const width = rowWidth(applied.inputs[0]);
  if (!isSecondAxis(axes)) unbounded("it mixes rows");
  const keeps = integerAttribute(applied.structure, applied.node, "keepdims", 1) === 1;
  return { outputs: [keeps ? rowsOf(1) : vector], cost: elementCost * width };
};

const reduce: Rule = (applied) => reduced(applied, axesOf(applied));
const argument: Rule = (applied) => reduced(applied, [integerAttribute(applied.structure, applied.node, "axis", 0)]);

const matrixProduct: Rule = ({ inputs }) => {
  const width = rowWidth(inputs[0]);
  const { dims } = constantOf(inputs[1]);
  if (dims.length !== 2 || dims[0] !== width) unbounded("a matrix does not fit the rows");
  return { outputs: [rowsOf(dims[1])], cost: productCost * sizeOf(dims) };
};

const gemm: Rule = ({ structure, node, inputs }) => {
  const width = rowWidth(inputs[0]);
  const { dims } = constantOf(inputs[1]);
  if (integerAttribute(structure, node, "transA", 0) !== 0) unbounded("it mixes rows");
  const [from, to] = integerAttribute(structure, node, "transB", 0) === 0 ? dims : dims.toReversed();
  if (dims.length !== 2 || from !== width) unbounded("a matrix does not fit the rows");
  const product = rowsOf(to);
  const summed = inputs[2] === undefined ? product : broadcast(product, constantOf(inputs[2]));
  if (widthOf(summed) !== to) unbounded("a matrix does not fit the rows");
  return { outputs: [product], cost: productCost * sizeOf(dims) };
};

const concat: Rule = (applied) => {
  if (!isAlongColumns(integerAttribute(applied.structure, applied.node, "axis", 0))) unbounded("it mixes rows");
  return elementwise(rowsOf(applied.inputs.reduce((sum, input) => sum + rowWidth(input), 0)));
};

/** Its inputs side by side. */
const vectorize: Rule = (applied) =>
  elementwise(rowsOf(applied.inputs.reduce((sum, input) => sum + rowWidth(input), 0)));

/** A map for each row. */
const mapped: Rule = ({ inputs }) => ({ outputs: [vector], cost: mapCost * rowWidth(inputs[0]) });

/** To rows of the same width, or between a vector and rows of one value. */
const reshape: Rule = (applied) => {
  const from = needed(applied, 0);
  const { integers } = constantOf(applied.inputs[1]);
  const [rows, width = 1] = integers ?? [];
  if (from.kind === "constant" || integers === null || integers.length > 2) return unbounded("it makes another shape");
  const isWhole = width === widthOf(from) || (width === 0 && from.kind === "rows") || (width === -1 && rows === 0);
  if ((rows !== -1 && rows !== 0) || !isWhole) unbounded("it makes another shape");
  return elementwise(integers.length === 2 ? rowsOf(widthOf(from)) : vector);
};

const squeeze: Rule = (applied) =>
  rowWidth(applied.inputs[0]) === 1 && isSecondAxis(axesOf(applied))
    ? elementwise(vector)
    : unbounded("it makes another shape");

const unsqueeze: Rule = (applied) =>
  applied.inputs[0]?.kind === "vector" && isSecondAxis(axesOf(applied))
    ? elementwise(rowsOf(1))
    : unbounded("it makes another shape");

const flatten: Rule = (applied) => {
  if (integerAttribute(applied.structure, applied.node, "axis", 1) !== 1) unbounded("it mixes rows");
  return elementwise(rowsOf(rowWidth(applied.inputs[0])));
};

/** Columns by constant numbers. */
const pick: Rule = ({ inputs }) => {
  rowWidth(inputs[0]);
  const { dims } = constantOf(inputs[1]);
  if (dims.length > 2 || sizeOf(dims.slice(0, -1)) !== 1) unbounded("it makes another shape");
  return elementwise(rowsOf(sizeOf(dims)));
};

const gather: Rule = (applied) => {
  if (!isAlongColumns(integerAttribute(applied.structure, applied.node, "axis", 0))) unbounded("it mixes rows");
  return constantOf(applied.inputs[1]).dims.length === 1 ? pick(applied) : unbounded("it makes another shape");
};

const values = ["value_float", "value_int", "value_floats", "value_ints"];

const constantNode: Rule = ({ structure, node }) => {
  const tensor = attributeTensor(structure, node, "value");
  if (tensor !== null) {
    return { outputs: [constant(tensorDims(structure, tensor), tensorIntegers(structure, tensor))], cost: 0 };
  }
  const name = values.find((known) => node.attributes.has(known)) ?? unbounded("a constant is of an unknown kind");
  const integers = name === "value_ints" ? integersAttribute(structure, node, name) : null;
  const dims = name.endsWith("s") ? [lengthOfAttribute(structure, node, name)] : [];
  return { outputs: [constant(dims, integers)], cost: 0 };
};

const treesOf =
  (width: string): Rule =>
  (applied) => {
    const { structure, node, inputs } = applied;
    rowWidth(inputs[0]);
    const steps = treeSteps(structure, node) ?? unbounded("a tree is too deep, or is told in another way");
    const weights = lengthOfAttribute(
      structure,
      node,
      node.operator.endsWith("Regressor") ? "target_ids" : "class_ids",
    );
    const outputs = outputWidth(applied, width);
    // A leaf may hold a weight for each output, or all of them.
    return {
      outputs: [vector, rowsOf(outputs)],
      cost: treeStepCost * steps + elementCost * Math.min(weights, steps * outputs),
    };
  };

/** Of a classifier the count of its classes, of a regressor what it says. */
const outputWidth = ({ structure, node }: Applied, name: string): number =>
  node.attributes.has(name)
    ? integerAttribute(structure, node, name, 1)
    : Math.max(
        2,
        lengthOfAttribute(structure, node, "classlabels_int64s"),
        lengthOfAttribute(structure, node, "classlabels_ints"),
        lengthOfAttribute(structure, node, "classlabels_strings"),
      );

const regressor =
  (rule: Rule): Rule =>
  (applied) => {
    const { outputs, cost } = rule(applied);
    return { outputs: outputs.slice(1), cost };
  };

/** Coefficients and support vectors lie in the file: a row meets each of them once, or so often as there are columns. */
const linear = (applied: Applied, width: number): Effect => {
  rowWidth(applied.inputs[0]);
  const coefficients = lengthOfAttribute(applied.structure, applied.node, "coefficients");
  return { outputs: [vector, rowsOf(width)], cost: productCost * coefficients + elementCost * width };
};

const kernel = (applied: Applied, width: number): Effect => {
  rowWidth(applied.inputs[0]);
  const { structure, node } = applied;
  const vectors = lengthOfAttribute(structure, node, "support_vectors");
  const coefficients = lengthOfAttribute(structure, node, "coefficients");
  return { outputs: [vector, rowsOf(width)], cost: kernelCost * (vectors + coefficients + width * width) };
};

const classes = (applied: Applied): number => outputWidth(applied, "");
const targets = ({ structure, node }: Applied): number => integerAttribute(structure, node, "targets", 1);

/**
 * Operators whose cost for a row is known from the file alone, whatever is in the row, with `domain:` in front where
 * it is not the standard one. What is not here is scored in a process that can be ended.
 */
export const rules: Readonly<Record<string, Rule>> = {
  Constant: constantNode,
  Identity: unary,
  Cast: unary,
  Neg: unary,
  Abs: unary,
  Exp: unary,
  Log: unary,
  Sqrt: unary,
  Reciprocal: unary,
  Sigmoid: unary,
  Tanh: unary,
  Erf: unary,
  Relu: unary,
  LeakyRelu: unary,
  Elu: unary,
  Selu: unary,
  Softplus: unary,
  Softsign: unary,
  HardSigmoid: unary,
  Floor: unary,
  Ceil: unary,
  Round: unary,
  Sign: unary,
  Not: unary,
  IsNaN: unary,
  Clip: unary,
  Add: combined,
  Sub: combined,
  Mul: combined,
  Div: combined,
  Pow: combined,
  PRelu: combined,
  Min: combined,
  Max: combined,
  Sum: combined,
  Mean: combined,
  Equal: combined,
  Greater: combined,
  GreaterOrEqual: combined,
  Less: combined,
  LessOrEqual: combined,
  And: combined,
  Or: combined,
  Xor: combined,
  Where: combined,
  Softmax: alongColumns,
  LogSoftmax: alongColumns,
  ReduceSum: reduce,
  ReduceMean: reduce,
  ReduceMax: reduce,
  ReduceMin: reduce,
  ReduceProd: reduce,
  ReduceSumSquare: reduce,
  ReduceL1: reduce,
  ReduceL2: reduce,
  ReduceLogSumExp: reduce,
  ArgMax: argument,
  ArgMin: argument,
  MatMul: matrixProduct,
  Gemm: gemm,
  Concat: concat,
  Reshape: reshape,
  Flatten: flatten,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Gather: gather,
  "ai.onnx.ml:ArrayFeatureExtractor": pick,
  "ai.onnx.ml:FeatureVectorizer": vectorize,
  "ai.onnx.ml:ZipMap": mapped,
  "ai.onnx.ml:LabelEncoder": unary,
  "ai.onnx.ml:Scaler": unary,
  "ai.onnx.ml:Normalizer": unary,
  "ai.onnx.ml:Imputer": unary,
  "ai.onnx.ml:Binarizer": unary,
  "ai.onnx.ml:TreeEnsembleRegressor": regressor(treesOf("n_targets")),
  "ai.onnx.ml:TreeEnsembleClassifier": treesOf(""),
  "ai.onnx.ml:LinearRegressor": regressor((applied) => linear(applied, targets(applied))),
  "ai.onnx.ml:LinearClassifier": (applied) => linear(applied, classes(applied)),
  "ai.onnx.ml:SVMRegressor": regressor((applied) => kernel(applied, 1)),
  "ai.onnx.ml:SVMClassifier": (applied) => kernel(applied, classes(applied)),
};
