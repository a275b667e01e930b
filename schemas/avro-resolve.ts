import type { Type } from "avsc";
import { avroLimits } from "./avro-limits.ts";
import { avroReader, cursorOver, type Read } from "./avro-read.ts";
import { Mismatch, shapeOf, widthOf } from "./avro-shape.ts";

/**
 * Reads what `writer` wrote as `reader`. Where they differ, avsc resolves, after our reader has found the bytes sound;
 * writing and reading once more turns avsc's instance into a plain object. Throws where they cannot be resolved.
 */
export const resolvingReader = (writer: Type, reader: Type): Read => {
  const readWritten = avroReader(writer);
  if (writer.equals(reader)) return readWritten;
  const readResolved = avroReader(reader);
  const resolver = reader.createResolver(writer, { ignoreNamespaces: true });
  const added = addedWidth(writer, reader);
  return (cursor) => {
    const start = cursor.pos;
    const before = cursor.values;
    readWritten(cursor);
    // Records without bytes, each with a hundred defaults, would be many values.
    if ((before - cursor.values) * added > avroLimits.values) {
      throw new Mismatch("the defaults of the source's schema make too many values of it");
    }
    const { value } = reader.decode(cursor.bytes, start, resolver) as { value: unknown };
    const bytes = reader.toBuffer(value);
    return readResolved(cursorOver(bytes));
  };
};

type RecordShape = Extract<ReturnType<typeof shapeOf>, { kind: "record" }>;

/** The most values that the defaults of the reader add to one record of the writer. */
const addedWidth = (writer: Type, reader: Type): number => {
  const written = new Map(recordsIn(writer).map((shape) => [simpleName(shape.name), shape]));
  let most = 0;
  for (const { name, fields } of recordsIn(reader)) {
    const known = new Set(written.get(simpleName(name))?.fields.map((field) => field.name));
    const added = fields.filter((field) => ![field.name, ...field.aliases].some((one) => known.has(one)));
    most = Math.max(
      most,
      added.reduce((sum, { type }) => sum + widthOf(type), 0),
    );
  }
  return most;
};

const simpleName = (name: string): string => name.slice(name.lastIndexOf(".") + 1);

const recordsIn = (type: Type): RecordShape[] => {
  const found: RecordShape[] = [];
  const seen = new Set<Type>();
  const waiting = [type];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (seen.has(next)) continue;
    seen.add(next);
    const shape = shapeOf(next);
    if (shape.kind === "record") {
      found.push(shape);
      waiting.push(...shape.fields.map((field) => field.type));
    } else if (shape.kind === "union") waiting.push(...shape.branches);
    else if (shape.kind === "array") waiting.push(shape.items);
    else if (shape.kind === "map") waiting.push(shape.values);
  }
  return found;
};
