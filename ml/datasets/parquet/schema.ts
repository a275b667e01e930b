import { type ThriftReader, thriftList, thriftReader, thriftStruct } from "./thrift.ts";

/** What an annotation says of a column, whichever of the two ways it is written. */
export type Meaning =
  | { kind: "plain" | "text" | "list" | "map" | "date" | "uuid" | "float16" | "null" }
  | { kind: "integer"; bits: number; isSigned: boolean }
  | { kind: "decimal"; precision: number; scale: number }
  | { kind: "time"; digits: 3 | 6 | 9 }
  | { kind: "timestamp"; digits: 3 | 6 | 9 };

export type PhysicalType = "boolean" | "int32" | "int64" | "int96" | "float" | "double" | "bytes" | "fixed";

export type ParquetNode = {
  name: string;
  repetition: "required" | "optional" | "repeated";
  /** Null for a group. */
  type: PhysicalType | null;
  /** Bytes of a `fixed`. */
  length: number;
  meaning: Meaning;
  children: ParquetNode[];
};

export type ParquetFooter = {
  rows: number;
  columns: ParquetNode[];
  /**
   * The footer with `c0`, `c1` and so on for the names of its columns, and those that are not nested without the
   * annotations in `raw`: a reader then gives them as they are stored. An `int96`, too: as its 12 bytes. The lists in
   * `turned` become lists of what may be missing, which has the same levels: such a list is empty where the list itself
   * is missing, and has an item `l` with an `e` where that is empty.
   */
  renamed(raw: readonly Meaning["kind"][], turned?: ReadonlySet<number>): Buffer;
};

/** An element of the schema as it is stored, depth first: parquet.thrift, `SchemaElement`. */
type Element = {
  type?: number;
  length?: number;
  repetition?: number;
  name: string;
  children?: number;
  converted?: number;
  scale?: number;
  precision?: number;
  /** Its bytes. */
  logical?: Buffer;
};

const MAX_DEPTH = 100;

/** The description at the end of a Parquet file. RangeError where it is none. */
export const parquetFooter = (bytes: Buffer): ParquetFooter => {
  const reader = thriftReader(bytes);
  const elements: Element[] = [];
  let range: [from: number, to: number] | null = null;
  let rows = 0;
  reader.struct((id) => {
    if (id === 3) rows = reader.integer();
    if (id !== 2) return;
    const from = reader.position();
    reader.list(() => elements.push(readElement(reader, bytes)));
    range = [from, reader.position()];
  });
  if (range === null || elements.length === 0) throw new RangeError("it has no schema");
  const [from, to] = range as [number, number];
  const { node: root, after } = nodeAt(elements, 0, 0);
  if (after !== elements.length) throw new RangeError("its schema has columns of no group");
  const renamed: ParquetFooter["renamed"] = (raw, turned = new Set()) => {
    const schema = thriftList(renamedElements(elements, root.children, new Set(raw), turned).map(writtenElement));
    return Buffer.concat([bytes.subarray(0, from), schema, bytes.subarray(to)]);
  };
  return { rows, columns: root.children, renamed };
};

const readElement = (reader: ThriftReader, bytes: Buffer): Element => {
  const element: Element = { name: "" };
  reader.struct((id) => {
    if (id === 1) element.type = reader.integer();
    else if (id === 2) element.length = reader.integer();
    else if (id === 3) element.repetition = reader.integer();
    else if (id === 4) element.name = reader.text();
    else if (id === 5) element.children = reader.integer();
    else if (id === 6) element.converted = reader.integer();
    else if (id === 7) element.scale = reader.integer();
    else if (id === 8) element.precision = reader.integer();
    else if (id === 10) {
      const from = reader.position();
      reader.struct(() => undefined);
      element.logical = bytes.subarray(from, reader.position());
    }
  });
  return element;
};

const physicalTypes: PhysicalType[] = ["boolean", "int32", "int64", "int96", "float", "double", "bytes", "fixed"];
const INT96 = physicalTypes.indexOf("int96");
const FIXED = physicalTypes.indexOf("fixed");
const INT96_BYTES = 12;
const repetitions = ["required", "optional", "repeated"] as const;
const OPTIONAL = repetitions.indexOf("optional");
const REPEATED = repetitions.indexOf("repeated");

const nodeAt = (elements: readonly Element[], at: number, depth: number): { node: ParquetNode; after: number } => {
  const element = elements[at];
  if (element === undefined) throw new RangeError("its schema ends within a group");
  if (depth > MAX_DEPTH) throw new RangeError(`its schema is nested more than ${MAX_DEPTH} deep`);
  const { name, children: count = 0 } = element;
  const type = physicalTypes[element.type ?? -1] ?? null;
  if (depth > 0 && type === null && count < 1) throw new RangeError(`column ${JSON.stringify(name)} has no type`);
  const children: ParquetNode[] = [];
  let after = at + 1;
  for (let i = 0; i < count; i++) {
    const child = nodeAt(elements, after, depth + 1);
    children.push(child.node);
    after = child.after;
  }
  const node: ParquetNode = {
    name,
    repetition: repetitions[element.repetition ?? 0] ?? "required",
    type: children.length > 0 ? null : type,
    length: element.length ?? 0,
    meaning: logicalMeaning(element) ?? convertedMeaning(element),
    children,
  };
  return { node, after };
};

/** parquet.thrift, `LogicalType`: a union, so that the number of its field says which it is. */
const logicalMeaning = ({ logical }: Element): Meaning | null => {
  if (logical === undefined) return null;
  const reader = thriftReader(logical);
  let meaning: Meaning | null = null;
  reader.struct((id) => {
    meaning = logicalKinds[id] ?? null;
    if (id === 5) meaning = decimalOf(reader);
    if (id === 7 || id === 8) meaning = { kind: id === 7 ? "time" : "timestamp", digits: unitOf(reader) };
    if (id === 10) meaning = integerOf(reader);
  });
  return meaning;
};

const logicalKinds: Record<number, Meaning> = {
  1: { kind: "text" },
  2: { kind: "map" },
  3: { kind: "list" },
  4: { kind: "text" },
  6: { kind: "date" },
  11: { kind: "null" },
  12: { kind: "text" },
  14: { kind: "uuid" },
  15: { kind: "float16" },
};

const decimalOf = (reader: ThriftReader): Meaning => {
  let scale = 0;
  let precision = 0;
  reader.struct((id) => {
    if (id === 1) scale = reader.integer();
    if (id === 2) precision = reader.integer();
  });
  return { kind: "decimal", scale, precision };
};

const unitOf = (reader: ThriftReader): 3 | 6 | 9 => {
  let digits: 3 | 6 | 9 = 3;
  reader.struct((id) => {
    if (id !== 2) return;
    reader.struct((unit) => {
      digits = unit === 1 ? 3 : unit === 2 ? 6 : 9;
    });
  });
  return digits;
};

const integerOf = (reader: ThriftReader): Meaning => {
  let bits = 64;
  let isSigned = true;
  reader.struct((id, type) => {
    if (id === 1) bits = reader.byte();
    if (id === 2) isSigned = reader.truth(type);
  });
  return { kind: "integer", bits, isSigned };
};

/** parquet.thrift, `ConvertedType`: the older way. */
const convertedMeaning = ({ converted, scale = 0, precision = 0 }: Element): Meaning => {
  if (converted === 5) return { kind: "decimal", scale, precision };
  if (converted !== undefined && converted >= 11 && converted <= 18) {
    return { kind: "integer", bits: 8 << ((converted - 11) % 4), isSigned: converted >= 15 };
  }
  return convertedKinds[converted ?? -1] ?? { kind: "plain" };
};

const convertedKinds: Record<number, Meaning> = {
  0: { kind: "text" },
  1: { kind: "map" },
  2: { kind: "map" },
  3: { kind: "list" },
  4: { kind: "text" },
  6: { kind: "date" },
  7: { kind: "time", digits: 3 },
  8: { kind: "time", digits: 6 },
  9: { kind: "timestamp", digits: 3 },
  10: { kind: "timestamp", digits: 6 },
  19: { kind: "text" },
};

const sizeOf = (node: ParquetNode): number => node.children.reduce((sum, child) => sum + sizeOf(child), 1);

const renamedElements = (
  elements: readonly Element[],
  columns: readonly ParquetNode[],
  raw: ReadonlySet<Meaning["kind"]>,
  turned: ReadonlySet<number>,
): Element[] => {
  const renamed = [...elements];
  let at = 1;
  for (const [i, column] of columns.entries()) {
    const { type, length, repetition, children, converted, scale, precision, logical } = elements[at];
    const isInt96 = type === INT96;
    const stored = {
      type: isInt96 ? FIXED : type,
      length: isInt96 ? INT96_BYTES : length,
      repetition,
      children,
      name: `c${i}`,
    };
    const isRaw = children === undefined && raw.has(column.meaning.kind);
    renamed[at] = isRaw ? stored : { ...stored, converted, scale, precision, logical };
    if (turned.has(i)) {
      renamed[at] = { ...stored, repetition: REPEATED };
      renamed[at + 1] = { name: "l", repetition: OPTIONAL, children: 1 };
      renamed[at + 2] = { ...elements[at + 2], name: "e" };
    }
    at += sizeOf(column);
  }
  return renamed;
};

const writtenElement = (element: Element): Buffer => {
  const { type, length, repetition, name, children, converted, scale, precision, logical } = element;
  const fields = [type, length, repetition, name, children, converted, scale, precision, undefined, logical];
  return thriftStruct(fields.flatMap((value, i) => (value === undefined ? [] : [[i + 1, value] as const])));
};
