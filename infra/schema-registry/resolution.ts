import type { Type } from "avsc";
import { type Shape, shapeOf } from "../../schemas/avro-shape.ts";

/** Where in a schema, "" at the top, and why its values cannot be read. */
export type Misfit = { place: string; why: string };

/** Pairs of types that are looked at. Real schemas have as many as they have fields. */
const MAX_PAIRS = 200_000;
/** Misfits that are named, and the length of what one says. */
const MAX_MISFITS = 100;
const MAX_PLACE = 500;

/** A type of the reader and one of the writer, and what must hold for values to be readable. */
type Pair = {
  reader: Type;
  writer: Type;
  /** Why they do not fit, whatever their parts are. */
  own: { step: string; why: string }[];
  /** All of these must fit, */
  all: { step: string; pair: Pair }[];
  /** and one of these, where there is the choice. */
  any: Pair[] | null;
  /** Those that ask for this one. */
  asked: Pair[];
  fits: boolean;
};

/**
 * Why a reader cannot read what a writer wrote (Avro 1.11 specification, "Schema Resolution"); empty where it can.
 * Each pair of types is looked at once, so that types that refer to each other many times cost no more than others:
 * all are taken to fit until a reason is found, and what asks for one that does not is looked at again.
 */
export const mismatches = (reader: Type, writer: Type): Misfit[] => {
  const pairs = reachable(reader, writer);
  if (pairs === null) return [{ place: "", why: "is too large to be compared with the other schema" }];
  const doubtful = [...pairs];
  for (let pair = doubtful.pop(); pair !== undefined; pair = doubtful.pop()) {
    if (!pair.fits || holds(pair)) continue;
    pair.fits = false;
    doubtful.push(...pair.asked);
  }
  return misfitsOf(pairs[0]);
};

const holds = ({ own, all, any }: Pair): boolean =>
  own.length === 0 && all.every(({ pair }) => pair.fits) && (any === null || any.some((pair) => pair.fits));

/** The pair itself and all that it asks for; null where there are too many. */
const reachable = (reader: Type, writer: Type): Pair[] | null => {
  const known = new Map<Type, Map<Type, Pair>>();
  const found: Pair[] = [];
  const pairOf = (reader: Type, writer: Type, asker: Pair | null): Pair => {
    const ofReader = known.get(reader) ?? new Map<Type, Pair>();
    known.set(reader, ofReader);
    let pair = ofReader.get(writer);
    if (pair === undefined) {
      pair = { reader, writer, own: [], all: [], any: null, asked: [], fits: true };
      ofReader.set(writer, pair);
      found.push(pair);
    }
    if (asker !== null) pair.asked.push(asker);
    return pair;
  };
  pairOf(reader, writer, null);
  let asked = 0;
  for (let i = 0; i < found.length; i++) {
    expand(found[i], (reader, writer) => pairOf(reader, writer, found[i]));
    asked += found[i].all.length + (found[i].any?.length ?? 0);
    if (asked > MAX_PAIRS) return null;
  }
  return found;
};

const promotions: Readonly<Record<string, readonly string[]>> = {
  int: ["long", "float", "double"],
  long: ["float", "double"],
  float: ["double"],
  string: ["bytes"],
  bytes: ["string"],
};

const simpleName = (name: string): string => name.slice(name.lastIndexOf(".") + 1);

const describe = (shape: Shape): string => ("name" in shape ? `${shape.kind} ${shape.name}` : shape.kind);

type PairOf = (reader: Type, writer: Type) => Pair;

const expand = (pair: Pair, pairOf: PairOf): void => {
  const { reader, writer } = pair;
  const into = shapeOf(reader);
  const from = shapeOf(writer);
  if (from.kind === "union") {
    pair.all = from.branches.map((branch) => ({ step: "", pair: pairOf(reader, branch) }));
    return;
  }
  if (into.kind === "union") {
    const candidates = into.branches.filter((branch) => ownMisfit(shapeOf(branch), from, branch) === null);
    pair.any = candidates.map((branch) => pairOf(branch, writer));
    return;
  }
  const why = ownMisfit(into, from, reader);
  if (why !== null) {
    pair.own = [{ step: "", why }];
    return;
  }
  if (into.kind === "record" && from.kind === "record") expandFields(pair, into.fields, from.fields, pairOf);
  if (into.kind === "array" && from.kind === "array") {
    pair.all = [{ step: "items", pair: pairOf(into.items, from.items) }];
  }
  if (into.kind === "map" && from.kind === "map") {
    pair.all = [{ step: "values", pair: pairOf(into.values, from.values) }];
  }
};

type Fields = Extract<Shape, { kind: "record" }>["fields"];

const expandFields = (pair: Pair, into: Fields, from: Fields, pairOf: PairOf): void => {
  const written = new Map(from.map((field) => [field.name, field]));
  for (const field of into) {
    const name = [field.name, ...field.aliases].find((one) => written.has(one));
    const found = name === undefined ? undefined : written.get(name);
    if (found !== undefined) pair.all.push({ step: field.name, pair: pairOf(field.type, found.type) });
    else if (field.defaultValue() === undefined) {
      pair.own.push({ step: field.name, why: "is not in the writer's schema and has no default" });
    }
  }
};

/** Why two types do not fit, whatever their parts are; null where these decide. */
const ownMisfit = (into: Shape, from: Shape, reader: Type): string | null => {
  if (into.kind !== from.kind) {
    return promotions[from.kind]?.includes(into.kind)
      ? null
      : `is a ${describe(from)}, which cannot be read as ${describe(into)}`;
  }
  if ("name" in into && "name" in from && !namesMatch(reader, into.name, from.name)) {
    return `is a ${describe(from)}, which cannot be read as ${describe(into)} (an alias would allow it)`;
  }
  if (into.kind === "fixed" && from.kind === "fixed" && into.size !== from.size) {
    return `has ${from.size} bytes, the reader expects ${into.size}`;
  }
  if (into.kind === "enum" && from.kind === "enum") {
    const known = new Set(into.symbols);
    const missing = from.symbols.filter((symbol) => !known.has(symbol));
    if (missing.length > 0) return `may be ${missing.slice(0, MAX_MISFITS).join(", ")}, which the reader's enum lacks`;
  }
  return null;
};

const namesMatch = (reader: Type, readerName: string, writerName: string): boolean =>
  [readerName, ...(reader.aliases ?? [])].some((name) => simpleName(name) === simpleName(writerName));

/** What keeps the first pair from fitting, each reason at the first place where it is met. */
const misfitsOf = (top: Pair): Misfit[] => {
  const misfits: Misfit[] = [];
  const seen = new Set<Pair>();
  const waiting = [{ place: "", pair: top }];
  for (let next = waiting.pop(); next !== undefined && misfits.length < MAX_MISFITS; next = waiting.pop()) {
    const { place, pair } = next;
    if (pair.fits || seen.has(pair)) continue;
    seen.add(pair);
    for (const { step, why } of pair.own) misfits.push({ place: child(place, step), why });
    if (pair.any !== null) {
      misfits.push({
        place,
        why: `is a ${describe(shapeOf(pair.writer))}, which no branch of the reader's union takes`,
      });
    }
    // Taken from the end: in the order of the schema.
    waiting.push(...pair.all.map(({ step, pair }) => ({ place: child(place, step), pair })).reverse());
  }
  return misfits;
};

const child = (place: string, step: string): string => {
  const whole = step === "" || place === "" ? place + step : `${place}.${step}`;
  return whole.length > MAX_PLACE ? `${whole.slice(0, MAX_PLACE)}...` : whole;
};
