import { MillraceError } from "../../schemas/errors.ts";
import { eachField } from "./protobuf.ts";

/** Bytes of one message inside the file. */
export type Span = { start: number; end: number };

export type StructureNode = {
  operator: string;
  /** "" for the standard operators. */
  domain: string;
  inputs: string[];
  outputs: string[];
  /** AttributeProto by name. */
  attributes: Map<string, Span>;
};

/** What an ONNX file holds, read without the runtime: nothing of it is computed or allocated. */
export type ModelStructure = {
  bytes: Buffer;
  /** The exporter, as it names itself. */
  producer: string;
  metadata: Record<string, string>;
  nodes: StructureNode[];
  /** TensorProto by name. */
  initializers: Map<string, Span>;
  /** ValueInfoProto of the graph's inputs. */
  inputs: Span[];
  /** Names of the graph's outputs. */
  outputs: string[];
  /**
   * Whether there is more than this says: sparse initializers, functions of the file's own, graphs inside of nodes, or
   * a name given twice, of which the runtime may take the other.
   */
  hasMore: boolean;
};

type Kind = "model" | "graph" | "node" | "attribute" | "tensor" | "sparse" | "function" | "training";

/** Fields of onnx.proto that hold messages in which a tensor may lie. */
const holds: Record<Kind, Readonly<Record<number, Kind>>> = {
  model: { 7: "graph", 20: "training", 25: "function" },
  graph: { 1: "node", 5: "tensor", 15: "sparse" },
  node: { 5: "attribute" },
  attribute: { 5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse" },
  tensor: {},
  sparse: { 1: "tensor", 2: "tensor" },
  function: { 7: "node", 11: "attribute" },
  training: { 1: "graph", 2: "graph" },
};

const externalData = 13;
const dataLocation = 14;

/** protobuf's own limit in the runtime. A graph inside of a node is three messages deeper than the graph around it. */
const maxDepth = 100;

const invalid = (message: string): MillraceError => new MillraceError("INVALID_MODEL", message);

/** Refuses tensors whose bytes lie outside of the file, wherever they stand: the runtime would read any file. */
const refuseExternal = (bytes: Buffer): boolean => {
  let hasMore = false;
  const walk = (kind: Kind, { start, end }: Span, depth: number): void => {
    if (depth > maxDepth) throw invalid(`The model is nested more than ${maxDepth} messages deep.`);
    const inner = holds[kind];
    eachField(bytes, start, end, (field, from, to, value) => {
      if (kind === "tensor" && (field === externalData || (field === dataLocation && value !== 0))) {
        throw invalid("A tensor of the model lies in a file of its own; export the model with all data in one file.");
      }
      const held = inner[field];
      if (held === undefined || from < 0) return;
      const isNested = held === "graph" && kind !== "model";
      if (isNested || held === "function" || held === "sparse") hasMore = true;
      walk(held, { start: from, end: to }, depth + 1);
    });
  };
  walk("model", { start: 0, end: bytes.length }, 0);
  return hasMore;
};

/** The message's only field of that number that is bytes; null where there is none, or more than one. */
export const onlyField = (bytes: Buffer, { start, end }: Span, wanted: number): Span | null => {
  let found: Span | null = null;
  let count = 0;
  eachField(bytes, start, end, (field, from, to) => {
    if (field !== wanted || from < 0) return;
    found = { start: from, end: to };
    count += 1;
  });
  return count === 1 ? found : null;
};

/** Keeps a message by the name that it bears. */
const keep = (structure: ModelStructure, map: Map<string, Span>, span: Span, nameField: number): void => {
  const found = onlyField(structure.bytes, span, nameField);
  const name = found === null ? "" : structure.bytes.toString("utf8", found.start, found.end);
  if (found === null || map.has(name)) structure.hasMore = true;
  map.set(name, span);
};

const nodeOf = (structure: ModelStructure, { start, end }: Span): StructureNode => {
  const { bytes } = structure;
  const node: StructureNode = { operator: "", domain: "", inputs: [], outputs: [], attributes: new Map() };
  eachField(bytes, start, end, (field, from, to) => {
    if (from < 0) return;
    if (field === 5) {
      keep(structure, node.attributes, { start: from, end: to }, 1);
      return;
    }
    const text = (): string => bytes.toString("utf8", from, to);
    if (field === 1) node.inputs.push(text());
    else if (field === 2) node.outputs.push(text());
    else if (field === 4) node.operator = text();
    else if (field === 7) node.domain = text();
  });
  if (node.domain === "ai.onnx") node.domain = "";
  return node;
};

const property = (bytes: Buffer, { start, end }: Span): [key: string, value: string] => {
  const pair: [string, string] = ["", ""];
  eachField(bytes, start, end, (field, from, to) => {
    if ((field === 1 || field === 2) && from >= 0) pair[field - 1] = bytes.toString("utf8", from, to);
  });
  return pair;
};

const readGraph = (structure: ModelStructure, { start, end }: Span): void => {
  const { bytes } = structure;
  eachField(bytes, start, end, (field, from, to) => {
    if (from < 0) return;
    const span = { start: from, end: to };
    if (field === 1) structure.nodes.push(nodeOf(structure, span));
    else if (field === 11) structure.inputs.push(span);
    else if (field === 12) {
      const name = onlyField(bytes, span, 1);
      structure.outputs.push(name === null ? "" : bytes.toString("utf8", name.start, name.end));
    } else if (field === 5) keep(structure, structure.initializers, span, 8);
  });
};

const read = (bytes: Buffer): ModelStructure => {
  const hasMore = refuseExternal(bytes);
  const structure: ModelStructure = {
    bytes,
    producer: "",
    metadata: {},
    nodes: [],
    initializers: new Map(),
    inputs: [],
    outputs: [],
    hasMore,
  };
  eachField(bytes, 0, bytes.length, (field, start, end) => {
    if (start < 0) return;
    // A message field that comes twice is merged, so that its repeated fields add up.
    if (field === 2) structure.producer = bytes.toString("utf8", start, end);
    if (field === 7) readGraph(structure, { start, end });
    if (field === 14) {
      const [key, value] = property(bytes, { start, end });
      structure.metadata[key] = value;
    }
  });
  return structure;
};

/**
 * Reads an ONNX file's structure. INVALID_MODEL where it is none, where a tensor lies outside of the file, and where
 * the file sets options of the runtime.
 */
export const readStructure = (bytes: Buffer): ModelStructure => {
  if (bytes.length === 0) throw invalid("The model file is empty.");
  // The runtime takes this format, too, by these letters; nothing here can look into it.
  if (bytes.toString("latin1", 4, 8) === "ORTM") {
    throw invalid("The model is in ONNX Runtime's own format; give the ONNX file that it was made from.");
  }
  let structure: ModelStructure;
  try {
    structure = read(bytes);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new MillraceError("INVALID_MODEL", `The file is not an ONNX model: ${error.message}.`, { cause: error });
  }
  if (structure.metadata.ort_config !== undefined) {
    throw invalid("The model's metadata sets options of ONNX Runtime (ort_config); export it without them.");
  }
  return structure;
};
