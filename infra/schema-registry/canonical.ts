/**
 * Two schemas are the same when they differ only in space, order of attributes, `doc`, and `{"type": "int"}` for
 * `"int"`. Avro's parsing canonical form would also drop defaults, aliases and logical types: a change of those would
 * be lost.
 */
export const canonicalSchema = (schema: string): string => JSON.stringify(normal(JSON.parse(schema)));

const normal = (part: unknown): unknown => {
  if (Array.isArray(part)) return part.map(normal);
  if (typeof part !== "object" || part === null) return part;
  const entries = Object.entries(part).filter(([name]) => name !== "doc");
  if (entries.length === 1 && entries[0][0] === "type") return normal(entries[0][1]);
  // A default is data: nothing in it is a schema's attribute.
  const parts = entries.map(([name, value]): [string, unknown] => [name, name === "default" ? value : normal(value)]);
  return Object.fromEntries(parts.sort(([a], [b]) => (a < b ? -1 : 1)));
};
