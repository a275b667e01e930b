import { eachField, eachPacked } from "./protobuf.ts";
import { type ModelStructure, onlyField, type Span, type StructureNode } from "./structure.ts";

/** The integers of a repeated field, packed or not. */
const integersOf = (bytes: Buffer, { start, end }: Span, wanted: number): number[] => {
  const found: number[] = [];
  eachField(bytes, start, end, (field, from, to, value) => {
    if (field !== wanted) return;
    if (from < 0) found.push(value);
    else eachPacked(bytes, from, to, (one) => found.push(one));
  });
  return found;
};

const lastInteger = (bytes: Buffer, span: Span, wanted: number): number | null =>
  integersOf(bytes, span, wanted).at(-1) ?? null;

/** An attribute's integer, or what it is where the node does not say. */
export const integerAttribute = <T>({ bytes }: ModelStructure, node: StructureNode, name: string, absent: T) => {
  const span = node.attributes.get(name);
  return span === undefined ? absent : (lastInteger(bytes, span, 3) ?? 0);
};

/** Null where the node has no such attribute. */
export const integersAttribute = ({ bytes }: ModelStructure, node: StructureNode, name: string): number[] | null => {
  const span = node.attributes.get(name);
  return span === undefined ? null : integersOf(bytes, span, 8);
};

/** "" where the node does not say. */
export const stringAttribute = ({ bytes }: ModelStructure, node: StructureNode, name: string): string => {
  const span = node.attributes.get(name);
  const found = span && onlyField(bytes, span, 4);
  return found ? bytes.toString("utf8", found.start, found.end) : "";
};

/** A list of strings; empty where the node has none. */
export const stringsAttribute = ({ bytes }: ModelStructure, node: StructureNode, name: string): string[] => {
  const span = node.attributes.get(name);
  const found: string[] = [];
  if (span === undefined) return found;
  eachField(bytes, span.start, span.end, (field, from, to) => {
    if (field === 9 && from >= 0) found.push(bytes.toString("utf8", from, to));
  });
  return found;
};

/** A list of floats, which exporters pack; null where the node has none, or it is not packed. */
export const floatsAttribute = ({ bytes }: ModelStructure, node: StructureNode, name: string): Float32Array | null => {
  const span = node.attributes.get(name);
  const packed = span && onlyField(bytes, span, 7);
  if (!packed) return null;
  return Float32Array.from({ length: (packed.end - packed.start) >> 2 }, (_, i) =>
    bytes.readFloatLE(packed.start + 4 * i),
  );
};

/** A list of ids without an object for each; null where the node has none, or an id has more than 32 bits. */
export const idsAttribute = ({ bytes }: ModelStructure, node: StructureNode, name: string): Int32Array | null => {
  const span = node.attributes.get(name);
  if (span === undefined) return null;
  // A varint has a byte at least.
  const ids = new Int32Array(span.end - span.start);
  let count = 0;
  let fits = true;
  const add = (value: number): void => {
    ids[count] = value;
    fits &&= ids[count++] === value;
  };
  eachField(bytes, span.start, span.end, (field, from, to, value) => {
    if (field !== 8) return;
    if (from < 0) add(value);
    else eachPacked(bytes, from, to, add);
  });
  return fits ? ids.subarray(0, count) : null;
};

/** How many values a list has: integers, floats or strings. */
export const lengthOfAttribute = ({ bytes }: ModelStructure, node: StructureNode, name: string): number => {
  const span = node.attributes.get(name);
  if (span === undefined) return 0;
  let count = 0;
  eachField(bytes, span.start, span.end, (field, from, to) => {
    if (field === 7) count += from < 0 ? 1 : (to - from) / 4;
    else if (field === 9) count += 1;
    else if (field === 8 && from < 0) count += 1;
    else if (field === 8) eachPacked(bytes, from, to, () => (count += 1));
  });
  return count;
};

/** Which of a list's strings are this one, of ASCII letters. */
export const stringsEqual = (
  { bytes }: ModelStructure,
  node: StructureNode,
  name: string,
  wanted: string,
): boolean[] => {
  const span = node.attributes.get(name);
  const found: boolean[] = [];
  if (span === undefined) return found;
  eachField(bytes, span.start, span.end, (field, from, to) => {
    if (field !== 9 || from < 0) return;
    let same = to - from === wanted.length;
    for (let i = 0; same && i < wanted.length; i++) same = bytes[from + i] === wanted.charCodeAt(i);
    found.push(same);
  });
  return found;
};

export const attributeTensor = ({ bytes }: ModelStructure, node: StructureNode, name: string): Span | null => {
  const span = node.attributes.get(name);
  return span === undefined ? null : onlyField(bytes, span, 5);
};

export const tensorDims = ({ bytes }: ModelStructure, tensor: Span): number[] => integersOf(bytes, tensor, 1);

const int64Type = 7;

/** The values of a small int64 tensor; null where it is of another type, or large. */
export const tensorIntegers = ({ bytes }: ModelStructure, tensor: Span): number[] | null => {
  if (lastInteger(bytes, tensor, 2) !== int64Type) return null;
  const raw = onlyField(bytes, tensor, 9);
  if (raw === null) return integersOf(bytes, tensor, 7);
  if (raw.end - raw.start > 65_536) return null;
  return Array.from({ length: (raw.end - raw.start) / 8 }, (_, i) => Number(bytes.readBigInt64LE(raw.start + 8 * i)));
};
