/**
 * Enough of protobuf to write an ONNX file (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).
 * Every function answers encoded bytes; a message is the concatenation of its fields.
 */
const varint = (value: number): Buffer => {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Buffer.from(bytes);
};

export const integer = (field: number, value: number): Buffer => Buffer.concat([varint(field << 3), varint(value)]);

export const bytes = (field: number, value: Uint8Array | string): Buffer => {
  const body = typeof value === "string" ? Buffer.from(value) : value;
  return Buffer.concat([varint((field << 3) | 2), varint(body.length), body]);
};

export const message = (field: number, ...fields: Buffer[]): Buffer => bytes(field, Buffer.concat(fields));

/** Little-endian whatever the machine. */
const floatBytes = (values: ArrayLike<number>): Buffer => {
  const body = Buffer.alloc(values.length * 4);
  for (let i = 0; i < values.length; i++) body.writeFloatLE(values[i], i * 4);
  return body;
};

const attributeTypes = { INT: 2, STRING: 3, FLOATS: 6, INTS: 7, STRINGS: 8 } as const;
const attribute = (name: string, type: keyof typeof attributeTypes, ...fields: Buffer[]): Buffer =>
  message(5, bytes(1, name), ...fields, integer(20, attributeTypes[type]));

/** Attributes of a node, ready to be its fields. */
export const attributes = {
  integer: (name: string, value: number) => attribute(name, "INT", integer(3, value)),
  string: (name: string, value: string) => attribute(name, "STRING", bytes(4, value)),
  floats: (name: string, values: ArrayLike<number>) => attribute(name, "FLOATS", bytes(7, floatBytes(values))),
  ints: (name: string, values: readonly number[]) =>
    attribute(name, "INTS", bytes(8, Buffer.concat(values.map(varint)))),
  strings: (name: string, values: readonly string[]) =>
    // One argument: a model of many trees has more strings than a call may have arguments.
    attribute(name, "STRINGS", Buffer.concat(values.map((value) => bytes(9, value)))),
};

export type OnnxNode = {
  operator: string;
  domain?: string;
  inputs: string[];
  outputs: string[];
  attributes?: Buffer[];
};

/** A float tensor of the graph's face; a string dimension is dynamic. Without a shape the runtime infers the type. */
export type OnnxValue = { name: string; shape: (number | string)[] | null };

export type OnnxModel = {
  producer: string;
  graph: string;
  nodes: OnnxNode[];
  inputs: OnnxValue[];
  outputs: OnnxValue[];
  /** Operator set version by domain; "" is the standard one. */
  opsets: Record<string, number>;
  metadata: Record<string, string>;
};

const FLOAT = 1;
const IR_VERSION = 8;

const nodeFields = (node: OnnxNode): Buffer[] => [
  ...node.inputs.map((name) => bytes(1, name)),
  ...node.outputs.map((name) => bytes(2, name)),
  bytes(4, node.operator),
  ...(node.attributes ?? []),
  ...(node.domain === undefined ? [] : [bytes(7, node.domain)]),
];

const valueFields = (value: OnnxValue): Buffer[] => {
  if (value.shape === null) return [bytes(1, value.name)];
  const dimensions = value.shape.map((size) =>
    message(1, typeof size === "string" ? bytes(2, size) : integer(1, size)),
  );
  return [bytes(1, value.name), message(2, message(1, integer(1, FLOAT), message(2, ...dimensions)))];
};

export const encodeModel = (model: OnnxModel): Buffer =>
  Buffer.concat([
    integer(1, IR_VERSION),
    bytes(2, model.producer),
    message(
      7,
      ...model.nodes.map((node) => message(1, ...nodeFields(node))),
      bytes(2, model.graph),
      ...model.inputs.map((value) => message(11, ...valueFields(value))),
      ...model.outputs.map((value) => message(12, ...valueFields(value))),
    ),
    ...Object.entries(model.opsets).map(([domain, version]) => message(8, bytes(1, domain), integer(2, version))),
    ...Object.entries(model.metadata).map(([key, value]) => message(14, bytes(1, key), bytes(2, value))),
  ]);
