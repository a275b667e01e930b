import type { Type } from "avsc";
import { branchName, Mismatch, maxLong, minLong, shapeOf, within } from "./avro-shape.ts";
import { MillraceError } from "./errors.ts";

/**
 * A JSON value as the avsc value of a type: defaults filled in, fields that the type does not have left out.
 * Unions may be plain (`3`) or tagged as in Avro's own JSON encoding (`{"int": 3}`); bytes and fixed are strings of
 * characters up to U+00FF, as there. INVALID_RECORD names the field.
 */
export const jsonToAvro = (type: Type, value: unknown): unknown => {
  try {
    return converter(type)(value);
  } catch (error) {
    if (!(error instanceof Mismatch)) throw error;
    const message = error.path.length > 0 ? `"${error.place}" ${error.message}` : `the value ${error.message}`;
    throw new MillraceError("INVALID_RECORD", message, { details: { field: error.place }, cause: error });
  }
};

type Convert = (value: unknown) => unknown;

const converters = new WeakMap<Type, Convert>();

const converter = (type: Type): Convert => {
  const known = converters.get(type);
  if (known !== undefined) return known;
  let compiled: Convert | null = null;
  converters.set(type, (value) => (compiled as Convert)(value));
  compiled = compile(type);
  converters.set(type, compiled);
  return compiled;
};

const compile = (type: Type): Convert => {
  const shape = shapeOf(type);
  switch (shape.kind) {
    case "null":
      return (value) => (value === null ? value : refuse(value, "null"));
    case "boolean":
      return (value) => (typeof value === "boolean" ? value : refuse(value, "true or false"));
    case "int":
      return (value) =>
        typeof value === "number" && value === (value | 0) ? value : refuse(value, "a 32-bit integer");
    case "long":
      return (value) => (isLong(value) ? value : refuse(value, "an integer from -2^52 to 2^53"));
    case "float":
    case "double":
      return (value) => (Number.isFinite(value) ? value : refuse(value, "a number"));
    case "string":
      return (value) => (typeof value === "string" ? value : refuse(value, "a string"));
    case "bytes":
      return toBytes;
    case "fixed":
      return (value) => {
        const bytes = toBytes(value);
        return bytes.length === shape.size ? bytes : refuse(value, `a string of ${shape.size} characters`);
      };
    case "enum": {
      const symbols = new Set<unknown>(shape.symbols);
      return (value) => (symbols.has(value) ? value : refuse(value, `one of ${shape.symbols.join(", ")}`));
    }
    case "record":
      return recordConverter(shape.fields);
    case "array":
      return arrayConverter(shape.items);
    case "map":
      return mapConverter(shape.values);
    case "union":
      return unionConverter(shape.branches, shape.wrapped);
  }
};

const isLong = (value: unknown): boolean =>
  Number.isSafeInteger(value) && (value as number) >= minLong && (value as number) <= maxLong;

const refuse = (value: unknown, expected: string): never => {
  const text = value === undefined ? undefined : JSON.stringify(value);
  const shown = text === undefined ? "missing" : text.length > 80 ? `${text.slice(0, 80)}...` : text;
  throw new Mismatch(`is ${shown}, expected ${expected}`);
};

const toBytes = (value: unknown): Buffer => {
  if (typeof value !== "string") return refuse(value, "a string");
  for (let i = 0; i < value.length; i++) {
    if (value.charCodeAt(i) > 0xff) return refuse(value, "a string of characters up to U+00FF");
  }
  return Buffer.from(value, "latin1");
};

type JsonObject = Record<string, unknown>;

const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const recordConverter = (fields: readonly { name: string; type: Type; defaultValue(): unknown }[]): Convert => {
  const converts = fields.map(({ type }) => converter(type));
  const optional = fields.map((field) => field.defaultValue() !== undefined);
  return (value) => {
    if (!isObject(value)) return refuse(value, "an object");
    const record: JsonObject = {};
    for (let i = 0; i < fields.length; i++) {
      const { name } = fields[i];
      try {
        const given = Object.hasOwn(value, name) ? value[name] : undefined;
        record[name] = given === undefined && optional[i] ? fields[i].defaultValue() : converts[i](given);
      } catch (error) {
        throw within(error, name);
      }
    }
    return record;
  };
};

const arrayConverter = (items: Type): Convert => {
  const convert = converter(items);
  return (value) => {
    if (!Array.isArray(value)) return refuse(value, "an array");
    return value.map((item, i) => {
      try {
        return convert(item);
      } catch (error) {
        throw within(error, i);
      }
    });
  };
};

const mapConverter = (values: Type): Convert => {
  const convert = converter(values);
  return (value) => {
    if (!isObject(value)) return refuse(value, "an object");
    const entries = Object.entries(value).map(([key, item]): [string, unknown] => {
      try {
        return [key, convert(item)];
      } catch (error) {
        throw within(error, key);
      }
    });
    return Object.fromEntries(entries);
  };
};

const unionConverter = (types: readonly Type[], wrapped: boolean): Convert => {
  const nullable = types.some((type) => type.typeName === "null");
  const branches = types
    .filter((type) => type.typeName !== "null")
    .map((type) => ({ name: branchName(type), convert: converter(type) }));
  const byName = new Map(branches.map((branch) => [branch.name, branch]));
  const expected = types.map(branchName).join(" or ");

  const convertAs = (branch: (typeof branches)[number], value: unknown): unknown =>
    wrapped ? { [branch.name]: branch.convert(value) } : branch.convert(value);
  const convertPlain = (value: unknown): unknown => {
    // One branch beside null: its own complaint says more than that none fits.
    if (branches.length === 1) return convertAs(branches[0], value);
    for (const branch of branches) {
      try {
        return convertAs(branch, value);
      } catch (error) {
        if (!(error instanceof Mismatch)) throw error;
      }
    }
    return refuse(value, expected);
  };

  return (value) => {
    if (value === null && nullable) return null;
    if (value === undefined) return refuse(value, expected);
    if (!isObject(value)) return convertPlain(value);
    const [name, ...others] = Object.keys(value);
    const tagged = others.length === 0 ? byName.get(name) : undefined;
    if (tagged === undefined) return convertPlain(value);
    try {
      return convertAs(tagged, value[name]);
    } catch (error) {
      if (!(error instanceof Mismatch)) throw error;
      // A map or a record may have a key that reads like a tag.
      try {
        return convertPlain(value);
      } catch {
        throw within(error, name);
      }
    }
  };
};
