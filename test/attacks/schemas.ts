/** Avro schemas that nobody needs, as JSON. */
type Schema = string | Schema[] | { [attribute: string]: unknown };

/** Each record holds the one below twice: `levels` of them hold 2^levels values, in no byte. */
export const doubling = (levels: number, leaf: Schema = "null", defaults = false): Schema => {
  const field = (name: string, type: Schema, otherwise: unknown) => ({
    name,
    type,
    ...(defaults ? { default: otherwise } : {}),
  });
  let inner: Schema = { type: "record", name: "R0", fields: [field("x", leaf, null)] };
  for (let i = 1; i <= levels; i++) {
    inner = { type: "record", name: `R${i}`, fields: [field("a", inner, {}), field("b", `R${i - 1}`, {})] };
  }
  return inner;
};

/** As `doubling`, through unions: legal, however many paths there are. */
export const doublingUnions = (levels: number, leaf: Schema = "int"): Schema => {
  let inner: Schema = { type: "record", name: "R0", fields: [{ name: "x", type: leaf }] };
  for (let i = 1; i <= levels; i++) {
    const fields: { name: string; type: Schema }[] = [
      { name: "a", type: ["null", inner] },
      { name: "b", type: ["null", `R${i - 1}`] },
    ];
    inner = { type: "record", name: `R${i}`, fields };
  }
  return inner;
};

/** Records whose unions name all others. */
export const mesh = (size: number, leaf: Schema = "int"): Schema => {
  const names = Array.from({ length: size }, (_, i) => `M${i}`);
  const seen = new Set<string>();
  const inline = (name: string): Schema => {
    if (seen.has(name)) return name;
    seen.add(name);
    const fields: { name: string; type: Schema }[] = [
      { name: "value", type: leaf },
      { name: "others", type: ["null", ...names.map(inline)] },
    ];
    return { type: "record", name, fields };
  };
  return inline("M0");
};

export const linkedList: Schema = {
  type: "record",
  name: "List",
  fields: [{ name: "next", type: ["null", "List"], default: null }],
};

export const recordOf = (type: Schema): Schema => ({ type: "record", name: "Holder", fields: [{ name: "a", type }] });

export const nested = (depth: number, kind: "array" | "map" = "array"): string =>
  ["{", `"type":"${kind}","${kind === "array" ? "items" : "values"}":`].join("").repeat(depth) +
  `"int"${"}".repeat(depth)}`;
