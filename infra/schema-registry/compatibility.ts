import type { Type } from "avsc";
import { type Shape, shapeOf } from "../../schemas/avro-shape.ts";
import { avroType } from "../../schemas/codec.ts";
import type { Compatibility, CompatibilityRule } from "./port.ts";

/**
 * Why `next` must not follow `previous` under the rule; empty when it may. BACKWARD: the next schema reads what the
 * previous wrote; FORWARD: the previous reads what the next writes; FULL: both; NONE: anything goes.
 */
export const incompatibilities = (rule: CompatibilityRule, next: string, previous: string): string[] => {
  const reasons: string[] = [];
  if (rule === "BACKWARD" || rule === "FULL") {
    reasons.push(...unreadable(next, previous).map((why) => `the new schema cannot read older records: ${why}`));
  }
  if (rule === "FORWARD" || rule === "FULL") {
    reasons.push(...unreadable(previous, next).map((why) => `the older schema cannot read new records: ${why}`));
  }
  return reasons;
};

/** Why `next` must not be registered after `previous`, oldest first; empty when it may. */
export const incompatibilitiesWith = (level: Compatibility, next: string, previous: readonly string[]): string[] => {
  const rule = level.replace("_TRANSITIVE", "") as CompatibilityRule;
  const against = rule === level ? previous.slice(-1) : previous;
  return [...new Set(against.flatMap((schema) => incompatibilities(rule, next, schema)))];
};

const unreadable = (readerSchema: string, writerSchema: string): string[] => {
  const reader = avroType(readerSchema);
  const writer = avroType(writerSchema);
  const reasons: string[] = [];
  compare(reader, writer, "", new Map(), (place, why) => reasons.push(place === "" ? why : `"${place}" ${why}`));
  if (reasons.length > 0) return reasons;
  // Decoding resolves by avsc: what it refuses is not readable, whatever the rules below say.
  try {
    reader.createResolver(writer, { ignoreNamespaces: true });
    return [];
  } catch (error) {
    return [(error as Error).message];
  }
};

type Report = (place: string, why: string) => void;

const promotions: Readonly<Record<string, readonly string[]>> = {
  int: ["long", "float", "double"],
  long: ["float", "double"],
  float: ["double"],
  string: ["bytes"],
  bytes: ["string"],
};

const child = (place: string, step: string): string => (place === "" ? step : `${place}.${step}`);

const simpleName = (name: string): string => name.slice(name.lastIndexOf(".") + 1);

const describe = (shape: Shape): string => ("name" in shape ? `${shape.kind} ${shape.name}` : shape.kind);

/** Avro 1.11 specification, "Schema Resolution". `seen` ends recursive types: writers met by reader. */
const compare = (reader: Type, writer: Type, place: string, seen: Map<Type, Set<Type>>, report: Report): void => {
  const before = seen.get(reader) ?? new Set();
  if (before.has(writer)) return;
  seen.set(reader, before.add(writer));
  const into = shapeOf(reader);
  const from = shapeOf(writer);

  if (from.kind === "union") {
    for (const branch of from.branches) compare(reader, branch, place, new Map(seen), report);
    return;
  }
  if (into.kind === "union") {
    const fits = into.branches.some((branch) => matches(branch, writer, seen));
    if (!fits) report(place, `is a ${describe(from)}, which no branch of the reader's union takes`);
    return;
  }
  if (into.kind !== from.kind) {
    if (!promotions[from.kind]?.includes(into.kind)) {
      report(place, `is a ${describe(from)}, which cannot be read as ${describe(into)}`);
    }
    return;
  }
  if ("name" in into && "name" in from && !namesMatch(reader, into.name, from.name)) {
    report(place, `is a ${describe(from)}, which cannot be read as ${describe(into)} (an alias would allow it)`);
    return;
  }
  if (into.kind === "record" && from.kind === "record") compareFields(into.fields, from.fields, place, seen, report);
  if (into.kind === "array" && from.kind === "array")
    compare(into.items, from.items, child(place, "items"), seen, report);
  if (into.kind === "map" && from.kind === "map")
    compare(into.values, from.values, child(place, "values"), seen, report);
  if (into.kind === "fixed" && from.kind === "fixed" && into.size !== from.size) {
    report(place, `has ${from.size} bytes, the reader expects ${into.size}`);
  }
  if (into.kind === "enum" && from.kind === "enum") {
    const missing = from.symbols.filter((symbol) => !into.symbols.includes(symbol));
    if (missing.length > 0) report(place, `may be ${missing.join(", ")}, which the reader's enum lacks`);
  }
};

const matches = (reader: Type, writer: Type, seen: Map<Type, Set<Type>>): boolean => {
  let fits = true;
  compare(reader, writer, "", new Map(seen), () => {
    fits = false;
  });
  return fits;
};

const namesMatch = (reader: Type, readerName: string, writerName: string): boolean =>
  [readerName, ...(reader.aliases ?? [])].some((name) => simpleName(name) === simpleName(writerName));

type Fields = Extract<Shape, { kind: "record" }>["fields"];

const compareFields = (into: Fields, from: Fields, place: string, seen: Map<Type, Set<Type>>, report: Report): void => {
  for (const field of into) {
    const written = from.find(({ name }) => name === field.name || field.aliases.includes(name));
    if (written !== undefined) compare(field.type, written.type, child(place, field.name), seen, report);
    else if (field.defaultValue() === undefined) {
      report(child(place, field.name), "is not in the writer's schema and has no default");
    }
  }
};
