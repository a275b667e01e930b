/**
 * Two schemas are the same when they differ only in space, order of attributes, `{"type": "int"}` for `"int"`, and in
 * how much of a name is written out: some libraries repeat a namespace on each type within it. Avro's parsing canonical
 * form would also drop documentation, defaults, aliases and logical types: a change of those would be lost.
 */
export const canonicalSchema = (schema: string): string => JSON.stringify(ofType(JSON.parse(schema), ""));

type Attributes = Record<string, unknown>;

const primitives: ReadonlySet<unknown> = new Set("null boolean int long float double bytes string".split(" "));
const named: ReadonlySet<unknown> = new Set(["record", "error", "enum", "fixed"]);

const isObject = (part: unknown): part is Attributes =>
  typeof part === "object" && part !== null && !Array.isArray(part);

/** A name in full. One without a namespace, in none, begins with no dot. */
const inFull = (name: string, namespace: string): string =>
  name.includes(".") || namespace === "" ? name : `${namespace}.${name}`;

const namespaceOf = (fullName: string): string => fullName.slice(0, Math.max(fullName.lastIndexOf("."), 0));

const ofType = (part: unknown, namespace: string): unknown => {
  if (typeof part === "string") return primitives.has(part) ? part : inFull(part, namespace);
  if (Array.isArray(part)) return part.map((branch) => ofType(branch, namespace));
  if (!isObject(part)) return part;
  if (named.has(part.type) && typeof part.name === "string") return ofNamed(part, part.name, namespace);
  const { type, items, values, ...others } = part;
  const found = sorted({
    ...others,
    // The kinds of array and map are no names.
    type: type === "array" || type === "map" ? type : ofType(type, namespace),
    ...("items" in part ? { items: ofType(items, namespace) } : {}),
    ...("values" in part ? { values: ofType(values, namespace) } : {}),
  });
  return Object.keys(found).length === 1 ? found.type : found;
};

/** A type's name is in full, and so are its aliases: its namespace says nothing more. */
const ofNamed = ({ namespace: own, ...type }: Attributes, name: string, outer: string): unknown => {
  const full = inFull(name, typeof own === "string" ? own : outer);
  const namespace = namespaceOf(full);
  const { aliases, fields } = type;
  return sorted({
    ...type,
    name: full,
    ...(Array.isArray(aliases) ? { aliases: aliases.map((alias) => inFull(String(alias), namespace)) } : {}),
    ...(Array.isArray(fields) ? { fields: fields.map((field) => ofField(field, namespace)) } : {}),
  });
};

/** Its default is data, in which nothing is a type. */
const ofField = (field: unknown, namespace: string): unknown =>
  isObject(field) ? sorted({ ...field, type: ofType(field.type, namespace) }) : field;

/** The values of attributes are data, too: what they hold is compared in the order that it has. */
const sorted = (attributes: Attributes): Attributes =>
  Object.fromEntries(Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1)));
