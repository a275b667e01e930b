import type { Type } from "avsc";

/** What avsc knows of a type and its typings do not say. */
export type Shape =
  | { kind: "null" | "boolean" | "int" | "long" | "float" | "double" | "bytes" | "string" }
  | { kind: "record"; name: string; fields: { name: string; aliases: string[]; type: Type; defaultValue(): unknown }[] }
  | { kind: "enum"; name: string; symbols: string[] }
  | { kind: "fixed"; name: string; size: number }
  | { kind: "array"; items: Type }
  | { kind: "map"; values: Type }
  /** `wrapped`: two branches look alike in JavaScript, so a value is `{branch: value}`. */
  | { kind: "union"; branches: Type[]; wrapped: boolean };

type Internals = Type & {
  fields: { name: string; aliases: string[]; type: Type; defaultValue(): unknown }[];
  symbols: string[];
  size: number;
  itemsType: Type;
  valuesType: Type;
  types: Type[];
};

export const shapeOf = (type: Type): Shape => {
  const internals = type as Internals;
  const name = type.name ?? type.typeName;
  switch (type.typeName) {
    case "record":
    case "error":
      return { kind: "record", name, fields: internals.fields };
    case "enum":
      return { kind: "enum", name, symbols: internals.symbols };
    case "fixed":
      return { kind: "fixed", name, size: internals.size };
    case "array":
      return { kind: "array", items: internals.itemsType };
    case "map":
      return { kind: "map", values: internals.valuesType };
    case "union:wrapped":
    case "union:unwrapped":
      return { kind: "union", branches: internals.types, wrapped: type.typeName === "union:wrapped" };
    default:
      return { kind: type.typeName as "null" };
  }
};

/** The tag of a union's branch: the full name, or the type where it has none. */
export const branchName = (type: Type): string => type.branchName ?? type.typeName;

/**
 * Values that one value of a type has beside what arrays, maps and unions in it hold: what its bytes, which may be
 * none, lead to. `avroLimits.width` bounds it for the schemas of strangers.
 */
export const widthOf = (type: Type): number => {
  const known = widths.get(type);
  if (known !== undefined) return known;
  const shape = shapeOf(type);
  // A record in itself is refused with its schema; here it only must not be counted for ever.
  widths.set(type, 1);
  const width = shape.kind === "record" ? shape.fields.reduce((sum, field) => sum + widthOf(field.type), 1) : 1;
  widths.set(type, width);
  return width;
};

const widths = new WeakMap<Type, number>();

const longestPlace = 200;

/** A value that is not what a type says, and where: the path is filled in on the way out. */
export class Mismatch extends Error {
  readonly path: (string | number)[] = [];

  /** `flights[3].origin`, or "" at the top; its beginning where it is long. */
  get place(): string {
    const steps = this.path.slice(0, longestPlace);
    const text = steps
      .map((step, i) => (typeof step === "number" ? `[${step}]` : i === 0 ? step : `.${step}`))
      .join("");
    return text.length > longestPlace ? `${text.slice(0, longestPlace)}...` : text;
  }
}

/** To rethrow from within a part: adds the part to the path of a mismatch. */
export const within = (error: unknown, step: string | number): unknown => {
  if (error instanceof Mismatch) error.path.unshift(step);
  return error;
};

/** The longs that avsc writes exactly; it doubles a negative one in floating point. */
export const maxLong = Number.MAX_SAFE_INTEGER - 1;
const minLong = -(2 ** 52);

export const isLong = (value: unknown): value is number =>
  Number.isSafeInteger(value) && (value as number) >= minLong && (value as number) <= maxLong;
