import { operatorOf } from "../graph.ts";
import { eachField } from "../protobuf.ts";
import { type ModelStructure, onlyField, type Span, type StructureNode } from "../structure.ts";
import { tensorDims, tensorIntegers } from "../values.ts";
import { type Rule, rules } from "./operators.ts";
import { constant, rowsOf, type Shape, UnboundedError, unbounded, widthOf } from "./shapes.ts";

/** Nanoseconds. A batch of the largest size then holds its thread for a few seconds at worst. */
const largestCost = 1_000_000;
const mostNodes = 10_000;

/** Values that a row has in all operators together: a quarter of a gigabyte in a batch of the largest size. */
const mostValues = 16_384;

/** Whether a row costs no more than a known time, whatever is in it. `cost` is about how many nanoseconds. */
export type Bound = { isBounded: true; cost: number } | { isBounded: false; reason: string };

const lastDimension = (bytes: Buffer, { start, end }: Span): number => {
  let dimension: Span | null = null;
  let rank = 0;
  eachField(bytes, start, end, (field, from, to) => {
    if (field !== 1 || from < 0) return;
    dimension = { start: from, end: to };
    rank += 1;
  });
  let value = -1;
  if (dimension === null || rank !== 2) return value;
  const { start: first, end: last } = dimension as Span;
  eachField(bytes, first, last, (field, _from, _to, size) => {
    if (field === 1) value = size;
  });
  return value;
};

/** The graph's inputs: rows of so many columns each. */
const inputsOf = ({ bytes, inputs }: ModelStructure, initializers: ReadonlySet<string>): [string, Shape][] => {
  const named = inputs.map((span) => {
    const name = onlyField(bytes, span, 1);
    return { span, name: name === null ? "" : bytes.toString("utf8", name.start, name.end) };
  });
  const given = named.filter(({ name }) => !initializers.has(name));
  if (given.length === 0) unbounded("it has no input");
  return given.map(({ name, span }) => {
    const type = onlyField(bytes, span, 2);
    const tensor = type && onlyField(bytes, type, 1);
    const shape = tensor && onlyField(bytes, tensor, 2);
    const width = shape === null ? -1 : lastDimension(bytes, shape);
    if (width < 1) unbounded("its input does not say how many columns it has");
    return [name, rowsOf(width)];
  });
};

const ruleOf = (node: StructureNode): Rule => {
  const name = operatorOf(node);
  return Object.hasOwn(rules, name) ? rules[name] : unbounded(`operator ${name}`);
};

type Limits = { cost: number; values: number };

const limits: Limits = { cost: largestCost, values: mostValues };

const costOf = (structure: ModelStructure, most: Limits): number => {
  const { nodes, initializers } = structure;
  if (structure.hasMore) unbounded("it has graphs inside of nodes, functions, sparse tensors or a name twice");
  if (nodes.length > mostNodes) unbounded(`it has ${nodes.length} operators`);
  const shapes = new Map<string, Shape>(inputsOf(structure, new Set(initializers.keys())));
  for (const [name, tensor] of initializers) {
    shapes.set(name, constant(tensorDims(structure, tensor), tensorIntegers(structure, tensor)));
  }
  let cost = 0;
  let values = 0;
  for (const node of nodes) {
    const inputs = node.inputs.map((name) =>
      name === "" ? undefined : (shapes.get(name) ?? unbounded("its operators are out of order")),
    );
    const effect = ruleOf(node)({ structure, node, inputs });
    node.outputs.forEach((name, i) => {
      if (name !== "") shapes.set(name, effect.outputs[i] ?? unbounded("an operator has more outputs than are known"));
    });
    for (const output of effect.outputs) if (output.kind !== "constant") values += widthOf(output);
    if (values > most.values) unbounded("a row of it takes too much memory");
    cost += effect.cost;
    if (!(cost <= most.cost)) unbounded("a row of it costs too much");
  }
  return cost;
};

/**
 * Tells models that may be scored in a thread from those that need a process that can be ended: a thread inside of the
 * runtime cannot be. It errs on that side only. INVALID_MODEL where a tree leads in a circle.
 */
export const boundOf = (structure: ModelStructure): Bound => {
  try {
    return { isBounded: true, cost: costOf(structure, limits) };
  } catch (error) {
    if (error instanceof UnboundedError) return { isBounded: false, reason: error.message };
    if (error instanceof RangeError) return { isBounded: false, reason: error.message };
    throw error;
  }
};

/** Whether every value of the graph is one for each row, of whatever cost. INVALID_MODEL as `boundOf`. */
export const isRowwise = (structure: ModelStructure): boolean => {
  try {
    costOf(structure, { cost: Number.POSITIVE_INFINITY, values: Number.POSITIVE_INFINITY });
    return true;
  } catch (error) {
    if (error instanceof UnboundedError || error instanceof RangeError) return false;
    throw error;
  }
};
