import {
  attributes,
  bytes,
  encodeModel,
  integer,
  message,
  type OnnxModel,
  type OnnxNode,
} from "../../ml/onnx/writer.ts";

/** Models as a stranger may write them: valid ONNX, of one input `x` [N, columns] and one output `y` [N, 1]. */
const model = (nodes: OnnxNode[], change: Partial<OnnxModel> = {}): Buffer =>
  encodeModel({
    producer: "stranger",
    graph: "g",
    nodes,
    inputs: [{ name: "x", shape: ["N", 1] }],
    outputs: [{ name: "y", shape: ["N", 1] }],
    opsets: { "": 17, "ai.onnx.ml": 3 },
    metadata: {},
    ...change,
  });

const types = { float: 1, int64: 7, bool: 9 } as const;
type TensorType = keyof typeof types;

const rawOf: Record<TensorType, (values: number[]) => Uint8Array> = {
  float: (values) => new Uint8Array(Float32Array.from(values).buffer),
  int64: (values) => new Uint8Array(BigInt64Array.from(values, BigInt).buffer),
  bool: (values) => Uint8Array.from(values),
};

/** Fields of a TensorProto. */
export const tensor = (type: TensorType, dims: number[], values: number[], name = ""): Buffer[] => [
  ...dims.map((dim) => integer(1, dim)),
  integer(2, types[type]),
  ...(name === "" ? [] : [bytes(8, name)]),
  bytes(9, rawOf[type](values)),
];

/** Fields of a TensorProto whose bytes lie in a file beside the model. */
export const externalTensor = (name = "w"): Buffer[] => [
  integer(1, 1),
  integer(2, types.float),
  bytes(8, name),
  message(13, bytes(1, "location"), bytes(2, ".env")),
  integer(14, 1),
];

/** An AttributeProto of one message: its field in it, and its type. */
export const messageAttribute = (name: string, [field, type]: [number, number], ...fields: Buffer[]): Buffer =>
  message(5, bytes(1, name), message(field, ...fields), integer(20, type));

export const attributeKinds = {
  tensor: [5, 4],
  graph: [6, 5],
  tensors: [10, 9],
  graphs: [11, 10],
  sparse: [22, 11],
  sparses: [23, 12],
} as const satisfies Record<string, [number, number]>;

const constant = (name: string, ...fields: Buffer[]): OnnxNode => ({
  operator: "Constant",
  inputs: [],
  outputs: [name],
  attributes: [messageAttribute("value", [5, 4], ...fields)],
});

const node = (operator: string, inputs: string[], outputs: string[]): Buffer =>
  message(1, ...inputs.map((name) => bytes(1, name)), ...outputs.map((name) => bytes(2, name)), bytes(4, operator));

const scalar = (field: number, name: string, type: TensorType): Buffer =>
  message(field, bytes(1, name), message(2, message(1, integer(1, types[type]), message(2))));

/** Adds one to a sum, so often as it is asked to. */
const countingBody = [
  node("Identity", ["going"], ["goes_on"]),
  node("Add", ["sum", "one"], ["more"]),
  bytes(2, "body"),
  message(5, ...tensor("float", [], [1], "one")),
  scalar(11, "turn", "int64"),
  scalar(11, "going", "bool"),
  scalar(11, "sum", "float"),
  scalar(12, "goes_on", "bool"),
  scalar(12, "more", "float"),
];

const loop = (trips: string): OnnxNode[] => [
  constant("always", ...tensor("bool", [], [1])),
  constant("zero", ...tensor("float", [], [0])),
  {
    operator: "Loop",
    inputs: [trips, "always", "zero"],
    outputs: ["turns"],
    attributes: [messageAttribute("body", [6, 5], ...countingBody)],
  },
  { operator: "Add", inputs: ["x", "turns"], outputs: ["y"] },
];

/** A Loop without a trip count whose condition is always true. */
export const endlessLoop = model(loop(""));

/** A Loop of so many turns. */
export const longLoop = (trips: number): Buffer =>
  model([constant("trips", ...tensor("int64", [], [trips])), ...loop("trips")]);

/** A Loop of as many turns as its input says: 2x for a whole x. */
export const loopByInput = model([
  { operator: "ReduceMax", inputs: ["x"], outputs: ["max"], attributes: [attributes.integer("keepdims", 0)] },
  { operator: "Cast", inputs: ["max"], outputs: ["trips"], attributes: [attributes.integer("to", types.int64)] },
  ...loop("trips"),
]);

const filled = (name: string, dims: number[]): OnnxNode[] => [
  constant(`${name}_shape`, ...tensor("int64", [dims.length], dims)),
  {
    operator: "ConstantOfShape",
    inputs: [`${name}_shape`],
    outputs: [name],
    attributes: [messageAttribute("value", [5, 4], ...tensor("float", [1], [1]))],
  },
];

const timesMax = (name: string): OnnxNode[] => [
  { operator: "ReduceMax", inputs: [name], outputs: ["max"], attributes: [attributes.integer("keepdims", 0)] },
  { operator: "Mul", inputs: ["x", "max"], outputs: ["y"] },
];

/** The product of two square constants, which the runtime computes when it loads the model. */
export const constantProduct = (size: number): Buffer =>
  model([...filled("a", [size, size]), { operator: "MatMul", inputs: ["a", "a"], outputs: ["b"] }, ...timesMax("b")]);

/** A constant of so many floats in a file of a few bytes. */
export const hugeConstant = (floats: number): Buffer => model([...filled("a", [floats]), ...timesMax("a")]);

/** As many values as the input says. */
export const hugeByInput = model([
  { operator: "ReduceMax", inputs: ["x"], outputs: ["max"], attributes: [attributes.integer("keepdims", 0)] },
  { operator: "Cast", inputs: ["max"], outputs: ["many"], attributes: [attributes.integer("to", types.int64)] },
  constant("shape", ...tensor("int64", [1], [1])),
  { operator: "Reshape", inputs: ["many", "shape"], outputs: ["dims"] },
  {
    operator: "ConstantOfShape",
    inputs: ["dims"],
    outputs: ["a"],
    attributes: [messageAttribute("value", [5, 4], ...tensor("float", [1], [1]))],
  },
  { operator: "ReduceSum", inputs: ["a"], outputs: ["sum"], attributes: [attributes.integer("keepdims", 0)] },
  { operator: "Add", inputs: ["x", "sum"], outputs: ["y"] },
]);

/** A branch (by threshold) or a leaf of a tree over the only column. */
type TreeNode = { at: number; yes: number; no: number } | "leaf";

export const treeOf = (nodes: readonly TreeNode[]): Buffer => {
  const leaves = nodes.flatMap((one, i) => (one === "leaf" ? [i] : []));
  const of = (pick: (one: Exclude<TreeNode, "leaf">) => number): number[] =>
    nodes.map((one) => (one === "leaf" ? 0 : pick(one)));
  const zeros = nodes.map(() => 0);
  return model([
    {
      operator: "TreeEnsembleRegressor",
      domain: "ai.onnx.ml",
      inputs: ["x"],
      outputs: ["y"],
      attributes: [
        attributes.ints("nodes_treeids", zeros),
        attributes.ints("nodes_nodeids", [...nodes.keys()]),
        attributes.ints("nodes_featureids", zeros),
        attributes.floats(
          "nodes_values",
          of(({ at }) => at),
        ),
        attributes.strings(
          "nodes_modes",
          nodes.map((one) => (one === "leaf" ? "LEAF" : "BRANCH_LEQ")),
        ),
        attributes.ints(
          "nodes_truenodeids",
          of(({ yes }) => yes),
        ),
        attributes.ints(
          "nodes_falsenodeids",
          of(({ no }) => no),
        ),
        attributes.ints("nodes_missing_value_tracks_true", zeros),
        attributes.ints(
          "target_treeids",
          leaves.map(() => 0),
        ),
        attributes.ints("target_nodeids", leaves),
        attributes.ints(
          "target_ids",
          leaves.map(() => 0),
        ),
        attributes.floats(
          "target_weights",
          leaves.map(() => 1),
        ),
        attributes.integer("n_targets", 1),
      ],
    },
  ]);
};

/** Rows between 5e8 and 2e9 go round in it for ever; the others come to a leaf. ONNX Runtime loads it. */
export const circularTree = treeOf([
  { at: 5e8, yes: 4, no: 1 },
  { at: -2e9, yes: 4, no: 2 },
  { at: 2e9, yes: 1, no: 3 },
  "leaf",
  "leaf",
]);

/** One long path: the runtime walks it by recursion when it loads it. */
export const deepTree = (depth: number): Buffer =>
  treeOf([...Array.from({ length: depth }, (_, i): TreeNode => ({ at: -1e30, yes: depth, no: i + 1 })), "leaf"]);

/** A model that is sound but for one message of a node's, a graph's or the file's. */
export const modelWith = (change: { attribute?: Buffer; graph?: Buffer; file?: Buffer }): Buffer => {
  const identity = message(
    1,
    bytes(1, "x"),
    bytes(2, "y"),
    bytes(4, "Identity"),
    ...(change.attribute === undefined ? [] : [change.attribute]),
  );
  const value = (field: number, name: string): Buffer => {
    const shape = message(2, message(1, bytes(2, "N")), message(1, integer(1, 1)));
    return message(field, bytes(1, name), message(2, message(1, integer(1, types.float), shape)));
  };
  const graph = [identity, bytes(2, "g"), value(11, "x"), value(12, "y"), ...(change.graph ? [change.graph] : [])];
  return Buffer.concat([
    integer(1, 8),
    message(7, ...graph),
    message(8, bytes(1, ""), integer(2, 17)),
    ...(change.file === undefined ? [] : [change.file]),
  ]);
};
