import { MillraceError } from "./errors.ts";

/** What a stranger's schema, and a record of it, may ask for. They are far above what real schemas need. */
export const avroLimits = {
  /** Characters of a schema's text. */
  text: 1_000_000,
  /** Types within types: in the schema's text, through the names that it refers to, and of a record's values. */
  depth: 100,
  /** Records, enums and fixeds of a schema. */
  names: 1_000,
  /** Characters of a name. */
  name: 500,
  /** Values that one record has beside what its arrays, maps and unions hold; nested records are counted where used. */
  width: 5_000,
  /** Symbols of all enums of a schema. */
  symbols: 10_000,
  /** Values that all defaults together are made of. */
  defaults: 20_000,
  /** Values of one record, whatever its size. */
  values: 4_194_304,
  /** Values that a record may have without a byte for each: nulls, and records without fields. */
  emptyValues: 65_536,
  /** Values for each byte of a record. */
  valuesPerByte: 8,
} as const;

const invalid = (message: string, cause?: unknown): MillraceError =>
  new MillraceError("INVALID_SCHEMA", message, { cause });

/** The JSON of an Avro schema's text, within `avroLimits`. INVALID_SCHEMA. Whether it is valid Avro, avsc decides. */
export const parseSchema = (text: string): unknown => {
  if (text.length > avroLimits.text) {
    throw invalid(`the schema has ${text.length} characters; at most ${avroLimits.text} are allowed`);
  }
  let schema: unknown;
  try {
    schema = JSON.parse(text);
  } catch (cause) {
    throw invalid(`the schema is not JSON: ${(cause as Error).message}`, cause);
  }
  checkNesting(schema);
  measure(schema, { names: new Map(), defaults: 0, symbols: 0 }, { above: 0, namespace: "", open: new Set() });
  return schema;
};

/** Without recursion: the text decides how deep it is. Defaults and documentation count, too. */
const checkNesting = (schema: unknown): void => {
  let level: unknown[] = [schema];
  for (let depth = 0; level.length > 0; depth++) {
    // A record's type stands in a field, in a list, in the record around it.
    if (depth > 4 * avroLimits.depth) throw tooDeep();
    level = level.flatMap((part) => (typeof part === "object" && part !== null ? Object.values(part) : []));
  }
};

const tooDeep = (): MillraceError => invalid(`the schema is nested more than ${avroLimits.depth} types deep`);

type Size = {
  /** Values of one value, beside what its arrays, maps and unions hold. */
  width: number;
  /** Types below each other. */
  depth: number;
  /** Values that a default is made of, */
  made: number;
  /** and as many more for each list or object within its JSON. */
  each: number;
};

type State = {
  /** The size of each named type; null while it is being measured. */
  names: Map<string, Size | null>;
  defaults: number;
  symbols: number;
};

/** Where a schema stands: `open` are the records around it without an array, a map or a union in between. */
type Place = { above: number; namespace: string; open: ReadonlySet<string> };

type Attributes = Record<string, unknown>;

const scalar: Size = { width: 1, depth: 1, made: 1, each: 1 };

const measure = (schema: unknown, state: State, place: Place): Size => {
  if (place.above > avroLimits.depth) throw tooDeep();
  const size = sizeOf(schema, state, { ...place, above: place.above + 1 });
  if (size.depth > avroLimits.depth) throw tooDeep();
  if (size.width > avroLimits.width) {
    throw invalid(
      `a record of the schema has more than ${avroLimits.width} values, those of nested records counted wherever they are used`,
    );
  }
  return size;
};

const sizeOf = (schema: unknown, state: State, place: Place): Size => {
  if (typeof schema === "string") return sizeOfName(schema, state, place);
  if (Array.isArray(schema)) return sizeOfUnion(schema, state, place);
  if (typeof schema !== "object" || schema === null) return scalar;
  const attributes = schema as Attributes;
  switch (attributes.type) {
    case "array":
      return sizeOfItems(attributes.items, state, place);
    case "map":
      return sizeOfItems(attributes.values, state, place);
    case "record":
    case "error":
      return sizeOfRecord(attributes, state, place);
    case "enum":
      countSymbols(attributes.symbols, state);
      declare(attributes, state, place, scalar);
      return scalar;
    case "fixed":
      declare(attributes, state, place, scalar);
      return scalar;
    default:
      return measure(attributes.type, state, place);
  }
};

/** What an array, a map or a union holds is there only where bytes say so. */
const contained = (part: unknown, state: State, place: Place): Size =>
  measure(part, state, { ...place, open: new Set<string>() });

const sizeOfItems = (items: unknown, state: State, place: Place): Size => {
  const { depth, made } = contained(items, state, place);
  return { width: 1, depth: depth + 1, made: 1, each: made };
};

/** A default is of the first branch. */
const sizeOfUnion = (branches: readonly unknown[], state: State, place: Place): Size => {
  const sizes = branches.map((branch) => contained(branch, state, place));
  const [first = scalar] = sizes;
  const depth = sizes.reduce((deepest, size) => Math.max(deepest, size.depth), 0);
  return { ...first, width: 1, depth: depth + 1 };
};

const sizeOfName = (name: string, state: State, place: Place): Size => {
  const full = state.names.has(inNamespace(name, place.namespace)) ? inNamespace(name, place.namespace) : name;
  if (place.open.has(full)) throw invalid(`the record ${full} contains itself: no bytes could end it`);
  return state.names.get(full) ?? scalar;
};

const inNamespace = (name: string, namespace: string): string =>
  name.includes(".") || namespace === "" ? name : `${namespace}.${name}`;

/** The full name of a named type, which can be referred to from now on. */
const declare = ({ name, namespace }: Attributes, state: State, place: Place, size: Size | null): string => {
  const own = checkedName(name);
  const full = inNamespace(own, typeof namespace === "string" ? namespace : place.namespace);
  state.names.set(full, size);
  if (state.names.size > avroLimits.names) throw invalid(`the schema has more than ${avroLimits.names} named types`);
  return full;
};

const countSymbols = (symbols: unknown, state: State): void => {
  state.symbols += Array.isArray(symbols) ? symbols.length : 0;
  if (state.symbols > avroLimits.symbols) {
    throw invalid(`the enums of the schema have more than ${avroLimits.symbols} symbols`);
  }
};

const checkedName = (name: unknown): string => {
  if (typeof name !== "string") return "";
  if (name.length <= avroLimits.name) return name;
  throw invalid(`the name "${name.slice(0, 40)}..." is longer than ${avroLimits.name} characters`);
};

const sizeOfRecord = (record: Attributes, state: State, place: Place): Size => {
  const full = declare(record, state, place, null);
  const namespace = full.slice(0, Math.max(0, full.lastIndexOf(".")));
  const within = { above: place.above, namespace, open: new Set([...place.open, full]) };
  const size: Size = { width: 1, depth: 0, made: 1, each: 0 };
  for (const field of Array.isArray(record.fields) ? record.fields : []) {
    const { name, type, ...others } = (field ?? {}) as Attributes;
    checkedName(name);
    const of = measure(type, state, within);
    size.width = Math.min(size.width + of.width, avroLimits.width + 1);
    size.depth = Math.max(size.depth, of.depth);
    size.made = Math.min(size.made + of.made, avroLimits.defaults + 1);
    if ("default" in others) state.defaults += of.made + containersIn(others.default) * of.each;
    if (state.defaults > avroLimits.defaults) {
      throw invalid(`the defaults of the schema make more than ${avroLimits.defaults} values`);
    }
  }
  const measured = { ...size, depth: size.depth + 1, each: size.made };
  state.names.set(full, measured);
  return measured;
};

/** Lists and objects within a default, which is not nested deeper than the schema may be. */
const containersIn = (value: unknown): number => {
  if (typeof value !== "object" || value === null) return 0;
  let count = 0;
  for (const part of Object.values(value)) {
    if (typeof part === "object" && part !== null) count += 1 + containersIn(part);
  }
  return count;
};
