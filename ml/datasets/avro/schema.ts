/** What stands beside a type and says what its values mean. */
export type Logical =
  | { kind: "date" }
  | { kind: "uuid" }
  | { kind: "decimal"; precision: number; scale: number }
  | { kind: "time"; digits: 3 | 6 | 9 }
  | { kind: "timestamp"; digits: 3 | 6 | 9 };

export type AvroType =
  | { kind: "null" | "boolean" | "int" | "long" | "float" | "double" | "bytes" | "string"; logical: Logical | null }
  | { kind: "fixed"; size: number; logical: Logical | null }
  | { kind: "enum"; symbols: string[] }
  | { kind: "array"; items: AvroType }
  | { kind: "map"; values: AvroType }
  | { kind: "union"; branches: AvroType[] }
  | { kind: "record"; fields: { name: string; type: AvroType }[] };

const primitives = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"] as const;

type Definition = Record<string, unknown>;

type Names = { known: Map<string, AvroType>; namespace: string };

/** The types of a schema's JSON, with names resolved. RangeError for what is no Avro schema. */
export const avroType = (schema: unknown): AvroType => resolve(schema, { known: new Map(), namespace: "" });

const resolve = (schema: unknown, names: Names): AvroType => {
  if (typeof schema === "string") return named(schema, names);
  if (Array.isArray(schema)) return { kind: "union", branches: schema.map((branch) => resolve(branch, names)) };
  if (typeof schema !== "object" || schema === null) throw new RangeError("a type is neither a name nor an object");
  const definition = schema as Definition;
  const { type } = definition;
  if (typeof type !== "string") return resolve(type, names);
  if (type === "array") return { kind: "array", items: resolve(definition.items, names) };
  if (type === "map") return { kind: "map", values: resolve(definition.values, names) };
  if (type === "record" || type === "error" || type === "enum" || type === "fixed")
    return define(type, definition, names);
  const plain = named(type, names);
  return "logical" in plain ? { ...plain, logical: logicalOf(definition, plain.kind, 0) } : plain;
};

const named = (name: string, { known, namespace }: Names): AvroType => {
  const primitive = primitives.find((kind) => kind === name);
  if (primitive !== undefined) return { kind: primitive, logical: null };
  const found = known.get(name.includes(".") || namespace === "" ? name : `${namespace}.${name}`) ?? known.get(name);
  if (found === undefined) throw new RangeError(`there is no type ${JSON.stringify(name).slice(0, 100)}`);
  return found;
};

const define = (kind: string, definition: Definition, names: Names): AvroType => {
  const name = String(definition.name);
  const dot = name.lastIndexOf(".");
  const own = typeof definition.namespace === "string" ? definition.namespace : names.namespace;
  const namespace = dot < 0 ? own : name.slice(0, dot);
  const fullName = dot >= 0 || namespace === "" ? name : `${namespace}.${name}`;
  const keep = <Type extends AvroType>(type: Type): Type => {
    names.known.set(fullName, type);
    return type;
  };
  if (kind === "enum") {
    if (!Array.isArray(definition.symbols)) throw new RangeError(`the enum ${fullName} has no symbols`);
    return keep({ kind, symbols: definition.symbols.map(String) });
  }
  if (kind === "fixed") {
    const size = Number(definition.size);
    if (!Number.isSafeInteger(size) || size < 0) throw new RangeError(`the fixed ${fullName} has no size`);
    return keep({ kind, size, logical: logicalOf(definition, kind, size) });
  }
  if (!Array.isArray(definition.fields)) throw new RangeError(`the record ${fullName} has no fields`);
  // It may stand within itself.
  const record = keep({ kind: "record" as const, fields: [] as { name: string; type: AvroType }[] });
  for (const field of definition.fields as Definition[]) {
    record.fields.push({ name: String(field.name), type: resolve(field.type, { ...names, namespace }) });
  }
  return record;
};

const times: Record<string, [kind: "time" | "timestamp", of: string, digits: 3 | 6 | 9]> = {
  "time-millis": ["time", "int", 3],
  "time-micros": ["time", "long", 6],
  "timestamp-millis": ["timestamp", "long", 3],
  "timestamp-micros": ["timestamp", "long", 6],
  "timestamp-nanos": ["timestamp", "long", 9],
  "local-timestamp-millis": ["timestamp", "long", 3],
  "local-timestamp-micros": ["timestamp", "long", 6],
  "local-timestamp-nanos": ["timestamp", "long", 9],
};

/** Null where there is none, or none that the type can have: the specification wants it passed over. */
const logicalOf = (definition: Definition, kind: string, size: number): Logical | null => {
  const logical = String(definition.logicalType);
  const time = Object.hasOwn(times, logical) ? times[logical] : undefined;
  if (time !== undefined) return time[1] === kind ? { kind: time[0], digits: time[2] } : null;
  if (logical === "date") return kind === "int" ? { kind: "date" } : null;
  if (logical === "uuid") return kind === "fixed" && size === 16 ? { kind: "uuid" } : null;
  if (logical !== "decimal" || (kind !== "bytes" && kind !== "fixed")) return null;
  const precision = Number(definition.precision);
  const scale = Number(definition.scale ?? 0);
  const isValid =
    Number.isInteger(precision) && Number.isInteger(scale) && precision > 0 && scale >= 0 && scale <= precision;
  return isValid ? { kind: "decimal", precision, scale } : null;
};
