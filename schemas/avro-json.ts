import type { Type } from "avsc";
import { avroLimits } from "./avro-limits.ts";
import { branchName, isLong, Mismatch, shapeOf, widthOf, within } from "./avro-shape.ts";
import { MillraceError } from "./errors.ts";
import { listed, preview } from "./preview.ts";

/**
 * What a conversion may do beyond what the JSON itself asks for: values made from defaults, and branches of unions
 * that are tried in vain. Without it, a few bytes could ask for hours.
 */
export type ConversionBudget = {
  spare: number;
  /** Arrays, maps and unions around the value. */
  depth: number;
};

/** For `records` records: a batch may not do as much for each as one may alone. */
export const conversionBudget = (records = 1): ConversionBudget => ({
  spare: avroLimits.values * Math.min(4, records),
  depth: 0,
});

/** A branch that is left again costs more than a value, the more the deeper it is: its error passes every level. */
const failedBranch = (depth: number): number => 8 * (depth + 1);

/**
 * A JSON value as the avsc value of a type: defaults filled in, fields that the type does not have left out.
 * Unions may be plain (`3`) or tagged as in Avro's own JSON encoding (`{"int": 3}`); bytes and fixed are strings of
 * characters up to U+00FF, as there. INVALID_RECORD names the field, and says where a value is nested too deeply or
 * takes more of the budget than there is.
 */
export const jsonToAvro = (type: Type, value: unknown, budget: ConversionBudget = conversionBudget()): unknown => {
  try {
    return converter(type).convert(value, budget);
  } catch (error) {
    budget.depth = 0;
    if (error instanceof RangeError) throw new MillraceError("INVALID_RECORD", "the value is nested too deeply");
    if (!(error instanceof Unfit)) throw error;
    const why = `is ${preview(error.value)}, expected ${error.expected}`;
    const message = error.path.length > 0 ? `"${error.place}" ${why}` : `the value ${why}`;
    throw new MillraceError("INVALID_RECORD", message, { details: { field: error.place }, cause: error });
  }
};

/** A value that does not fit. Most are made where another branch of a union fits: none is described in vain. */
class Unfit extends Mismatch {
  readonly value: unknown;
  readonly expected: string;

  constructor(value: unknown, expected: string) {
    super(expected);
    this.value = value;
    this.expected = expected;
  }
}

const refuse = (value: unknown, expected: string): never => {
  throw new Unfit(value, expected);
};

const spend = (budget: ConversionBudget, values: number): void => {
  budget.spare -= values;
  if (budget.spare >= 0) return;
  throw new MillraceError(
    "INVALID_RECORD",
    "the value leads to too many defaults, or to too many branches of unions that are tried in vain: " +
      'tag the branches, as in {"branch": value}',
  );
};

const enter = (budget: ConversionBudget): void => {
  if (++budget.depth > avroLimits.depth) {
    throw new MillraceError(
      "INVALID_RECORD",
      `the value is nested too deeply, beyond ${avroLimits.depth} arrays, maps and unions`,
    );
  }
};

type Converter = {
  /** Whether the value may fit: of values without parts, whether it does. */
  accepts(value: unknown): boolean;
  convert(value: unknown, budget: ConversionBudget): unknown;
};

const converters = new WeakMap<Type, Converter>();

const converter = (type: Type): Converter => {
  const known = converters.get(type);
  if (known !== undefined) return known;
  let compiled: Converter | null = null;
  converters.set(type, {
    accepts: (value) => (compiled as Converter).accepts(value),
    convert: (value, budget) => (compiled as Converter).convert(value, budget),
  });
  compiled = compile(type);
  converters.set(type, compiled);
  return compiled;
};

const scalar = (accepts: (value: unknown) => boolean, expected: string): Converter => ({
  accepts,
  convert: (value) => (accepts(value) ? value : refuse(value, expected)),
});

const latin = (accepts: (value: unknown) => boolean, expected: string): Converter => ({
  accepts,
  convert: (value) => (accepts(value) ? Buffer.from(value as string, "latin1") : refuse(value, expected)),
});

const compile = (type: Type): Converter => {
  const shape = shapeOf(type);
  switch (shape.kind) {
    case "null":
      return scalar((value) => value === null, "null");
    case "boolean":
      return scalar((value) => typeof value === "boolean", "true or false");
    case "int":
      return scalar((value) => typeof value === "number" && value === (value | 0), "a 32-bit integer");
    case "long":
      return scalar(isLong, "an integer from -2^52 to 2^53");
    case "float":
    case "double":
      return scalar(Number.isFinite, "a number");
    case "string":
      return scalar((value) => typeof value === "string", "a string");
    case "bytes":
      return latin(isLatin, "a string of characters up to U+00FF");
    case "fixed": {
      const fits = (value: unknown): boolean => isLatin(value) && (value as string).length === shape.size;
      return latin(fits, `a string of ${shape.size} characters up to U+00FF`);
    }
    case "enum": {
      const symbols = new Set<unknown>(shape.symbols);
      return scalar((value) => symbols.has(value), `one of ${listed(shape.symbols)}`);
    }
    case "record":
      return { accepts: isObject, convert: recordConverter(shape.fields) };
    case "array":
      return { accepts: Array.isArray, convert: arrayConverter(shape.items) };
    case "map":
      return { accepts: isObject, convert: mapConverter(shape.values) };
    case "union":
      return { accepts: (value) => value !== undefined, convert: unionConverter(shape.branches, shape.wrapped) };
  }
};

const isLatin = (value: unknown): boolean => {
  if (typeof value !== "string") return false;
  for (let i = 0; i < value.length; i++) if (value.charCodeAt(i) > 0xff) return false;
  return true;
};

type JsonObject = Record<string, unknown>;

const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

type Fields = readonly { name: string; aliases: readonly string[]; type: Type; defaultValue(): unknown }[];

/** A fresh default value at each call, as its parts may be changed; null where the field has none. */
const defaultOf = (field: Fields[number]): (() => unknown) | null => {
  const value = field.defaultValue();
  if (value === undefined) return null;
  return typeof value === "object" && value !== null ? () => field.defaultValue() : () => value;
};

const recordConverter = (fields: Fields): Converter["convert"] => {
  const converts = fields.map(({ type }) => converter(type));
  const defaults = fields.map(defaultOf);
  const widths = fields.map(({ type }) => widthOf(type));
  return (value, budget) => {
    if (!isObject(value)) return refuse(value, "an object");
    const record: JsonObject = {};
    for (let i = 0; i < fields.length; i++) {
      const { name, aliases } = fields[i];
      try {
        let given = Object.hasOwn(value, name) ? value[name] : undefined;
        // A record that was written before the field had its name, as Avro resolves it.
        for (let a = 0; given === undefined && a < aliases.length; a++) {
          if (Object.hasOwn(value, aliases[a])) given = value[aliases[a]];
        }
        const otherwise = given === undefined ? defaults[i] : null;
        if (otherwise === null) record[name] = converts[i].convert(given, budget);
        else {
          spend(budget, widths[i]);
          record[name] = otherwise();
        }
      } catch (error) {
        throw within(error, name);
      }
    }
    return record;
  };
};

const arrayConverter = (items: Type): Converter["convert"] => {
  const { convert } = converter(items);
  return (value, budget) => {
    if (!Array.isArray(value)) return refuse(value, "an array");
    enter(budget);
    const converted = value.map((item, i) => {
      try {
        return convert(item, budget);
      } catch (error) {
        throw within(error, i);
      }
    });
    budget.depth--;
    return converted;
  };
};

const mapConverter = (values: Type): Converter["convert"] => {
  const { convert } = converter(values);
  return (value, budget) => {
    if (!isObject(value)) return refuse(value, "an object");
    enter(budget);
    const entries = Object.entries(value).map(([key, item]): [string, unknown] => {
      try {
        return [key, convert(item, budget)];
      } catch (error) {
        throw within(error, key);
      }
    });
    budget.depth--;
    return Object.fromEntries(entries);
  };
};

type Branch = Converter & { name: string; hasParts: boolean };

const branchOf = (type: Type): Branch => {
  const { kind } = shapeOf(type);
  const hasParts = kind === "record" || kind === "array" || kind === "map";
  return { name: branchName(type), hasParts, ...converter(type) };
};

const unionConverter = (types: readonly Type[], wrapped: boolean): Converter["convert"] => {
  const nullable = types.some((type) => type.typeName === "null");
  const branches = types.filter((type) => type.typeName !== "null").map(branchOf);
  const byName = new Map(branches.map((branch) => [branch.name, branch]));
  const expected = listed(types.map(branchName), " or ");

  const convertAs = (branch: Branch, value: unknown, budget: ConversionBudget): unknown => {
    const tag = (converted: unknown) => (wrapped ? { [branch.name]: converted } : converted);
    if (!branch.hasParts) return tag(branch.convert(value, budget));
    const { depth } = budget;
    try {
      enter(budget);
      const converted = branch.convert(value, budget);
      budget.depth = depth;
      return tag(converted);
    } catch (error) {
      budget.depth = depth;
      if (error instanceof Mismatch) spend(budget, failedBranch(depth));
      throw error;
    }
  };
  const convertPlain = (value: unknown, budget: ConversionBudget): unknown => {
    // One branch beside null: its own complaint says more than that none fits.
    if (branches.length === 1) return convertAs(branches[0], value, budget);
    for (const branch of branches) {
      spend(budget, 1);
      if (!branch.accepts(value)) continue;
      try {
        return convertAs(branch, value, budget);
      } catch (error) {
        if (!(error instanceof Mismatch)) throw error;
      }
    }
    return refuse(value, expected);
  };

  return (value, budget) => {
    if (value === null && nullable) return null;
    if (value === undefined) return refuse(value, expected);
    const tag = isObject(value) ? onlyKey(value) : null;
    const tagged = tag === null ? undefined : byName.get(tag);
    if (tagged === undefined) return convertPlain(value, budget);
    try {
      return convertAs(tagged, (value as JsonObject)[tag as string], budget);
    } catch (error) {
      if (!(error instanceof Mismatch)) throw error;
      // A map or a record may have a key that reads like a tag.
      try {
        return convertPlain(value, budget);
      } catch (again) {
        throw again instanceof Mismatch ? within(error, tag as string) : again;
      }
    }
  };
};

/** The key of an object that has but one. */
const onlyKey = (value: JsonObject): string | null => {
  let only: string | null = null;
  for (const key in value) {
    if (only !== null) return null;
    only = key;
  }
  return only;
};
