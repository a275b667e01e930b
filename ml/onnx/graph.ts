import type { ModelStructure, StructureNode } from "./structure.ts";

/** Who makes and who takes each value of the graph. What is inside of nodes and functions is not seen. */
export type Graph = {
  structure: ModelStructure;
  /** The node that makes a value, and as which of its outputs; undefined for inputs and constants of the file. */
  makerOf(value: string): Made | undefined;
  /** All values that this one is made of, itself and inputs of the graph included. */
  upstream(value: string): ReadonlySet<string>;
  /** Every node that takes this value, or what was made of it. */
  downstream(value: string): ReadonlySet<StructureNode>;
};

type Made = { node: StructureNode; at: number };

/** `domain:operator`; the operator alone where it is a standard one. */
export const operatorOf = ({ domain, operator }: StructureNode): string =>
  domain === "" ? operator : `${domain}:${operator}`;

export const graphOf = (structure: ModelStructure): Graph => {
  const makers = new Map<string, Made>();
  const takers = new Map<string, StructureNode[]>();
  for (const node of structure.nodes) {
    node.outputs.forEach((value, at) => {
      makers.set(value, { node, at });
    });
    for (const value of node.inputs) {
      const known = takers.get(value);
      if (known === undefined) takers.set(value, [node]);
      else known.push(node);
    }
  }
  const reach = <T>(from: T, next: (one: T) => Iterable<T>): Set<T> => {
    const found = new Set([from]);
    // A set is walked on while it grows.
    for (const one of found) for (const other of next(one)) found.add(other);
    return found;
  };
  return {
    structure,
    makerOf: (value) => makers.get(value),
    upstream: (value) => reach(value, (one) => makers.get(one)?.node.inputs.filter((name) => name !== "") ?? []),
    downstream: (value) => {
      const nodes = new Set<StructureNode>();
      reach(value, (one) => {
        const taking = takers.get(one) ?? [];
        for (const node of taking) nodes.add(node);
        return taking.flatMap(({ outputs }) => outputs.filter((name) => name !== ""));
      });
      return nodes;
    },
  };
};

/** Operators that hand their first input on, in another shape or type at most. */
const handing = new Set(
  "Identity Cast CastLike Reshape Flatten Squeeze Unsqueeze Transpose Dropout Expand ai.onnx.ml:ZipMap ai.onnx.ml:FeatureVectorizer".split(
    " ",
  ),
);

/** Walks back from a value over what only hands it on, to where it is made: a value of the graph. */
export const originOf = (graph: Graph, value: string): string => {
  let at = value;
  // A valid graph has no circle; a broken one is not walked for ever.
  for (let steps = 0; steps < graph.structure.nodes.length; steps++) {
    const made = graph.makerOf(at);
    if (made === undefined || made.at > 0 || made.node.inputs.length === 0) return at;
    // Of several inputs a vectorizer makes something new.
    const isAlone = made.node.operator !== "FeatureVectorizer" || made.node.inputs.length === 1;
    if (!handing.has(operatorOf(made.node)) || !isAlone) return at;
    at = made.node.inputs[0];
  }
  return at;
};
