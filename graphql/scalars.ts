import { GraphQLError, Kind, type ValueNode } from "graphql";
import { momentOf } from "../schemas/moment.ts";
import { preview } from "../schemas/preview.ts";
import { builder } from "./builder.ts";

const refuse = (message: string): never => {
  throw new GraphQLError(message, { extensions: { code: "BAD_REQUEST" } });
};

/** Years 0 to 9999, what ISO-8601 writes with four digits. */
const MIN_MS = -62_167_219_200_000;
const MAX_MS = 253_402_300_799_999;

const parseDateTime = (value: unknown): number => {
  const at = typeof value === "number" ? value : typeof value === "string" ? momentOf(value) : null;
  return at !== null && Number.isInteger(at) && at >= MIN_MS && at <= MAX_MS
    ? at
    : refuse(
        "DateTime: expected UTC milliseconds, or a date or moment in ISO-8601 such as 2026-11-29T05:30:00Z " +
          `(UTC where it names no zone), got ${preview(value)}`,
      );
};

const MAX_REMEMBERED = 8192;
const remembered = new Map<number, string>();

/** Lists are asked again and again and hold the same moments: remembering their text is four times as fast. */
const isoText = (at: number): string => {
  const known = remembered.get(at);
  if (known !== undefined) return known;
  const text = new Date(at).toISOString();
  if (remembered.size >= MAX_REMEMBERED) remembered.clear();
  remembered.set(at, text);
  return text;
};

builder.scalarType("DateTime", {
  description:
    "A moment: ISO-8601 in UTC with milliseconds. As input, UTC milliseconds and dates are accepted, too, other zones " +
    "and none, which is UTC. What is finer than milliseconds is cut.",
  serialize: isoText,
  parseValue: parseDateTime,
  parseLiteral: (node) =>
    parseDateTime(node.kind === Kind.INT ? Number(node.value) : node.kind === Kind.STRING ? node.value : null),
});

const parseLong = (value: unknown): number =>
  Number.isSafeInteger(value)
    ? (value as number)
    : refuse(`Long: expected a whole number within 53 bits, got ${preview(value)}`);

builder.scalarType("Long", {
  description: "A whole number within 53 bits, a JSON number.",
  serialize: (value) => value,
  parseValue: parseLong,
  parseLiteral: (node) => parseLong(node.kind === Kind.INT ? Number(node.value) : null),
});

const literal = (node: ValueNode, variables: Record<string, unknown> | null | undefined): unknown => {
  switch (node.kind) {
    case Kind.NULL:
      return null;
    case Kind.INT:
    case Kind.FLOAT:
      return Number(node.value);
    case Kind.LIST:
      return node.values.map((item) => literal(item, variables));
    case Kind.OBJECT:
      return Object.fromEntries(node.fields.map((field) => [field.name.value, literal(field.value, variables)]));
    case Kind.VARIABLE:
      return variables?.[node.name.value];
    default:
      return node.value;
  }
};

builder.scalarType("JSON", {
  description: "Any JSON value.",
  serialize: (value) => value,
  parseValue: (value) => value,
  parseLiteral: literal,
});

const parseNumberMap = (value: unknown): Record<string, number> =>
  typeof value === "object" && value !== null && Object.values(value).every((item) => typeof item === "number")
    ? (value as Record<string, number>)
    : refuse("NumberMap: expected an object whose values are numbers");

builder.scalarType("NumberMap", {
  description: "A JSON object whose values are numbers: metrics by name, offsets by partition.",
  serialize: (value) => value,
  parseValue: parseNumberMap,
  parseLiteral: (node, variables) => parseNumberMap(literal(node, variables)),
});

const parseStringMap = (value: unknown): Record<string, string> =>
  typeof value === "object" && value !== null && Object.values(value).every((item) => typeof item === "string")
    ? (value as Record<string, string>)
    : refuse("StringMap: expected an object whose values are texts");

builder.scalarType("StringMap", {
  description: "A JSON object whose values are texts: parameters and tags by name.",
  serialize: (value) => value,
  parseValue: parseStringMap,
  parseLiteral: (node, variables) => parseStringMap(literal(node, variables)),
});
