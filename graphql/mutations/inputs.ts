import type { InputObjectRef, InputRef } from "@pothos/core";
import { z } from "zod";
import * as define from "../../commands/definitions.ts";
import { instant } from "../../commands/fields.ts";
import * as track from "../../commands/tracking.ts";
import { builder } from "../builder.ts";
import { enumOf } from "../enums.ts";

/**
 * GraphQL input types made from the commands' own zod shapes, so that the two cannot differ: what zod knows as
 * optional, nullable or defaulted is optional here, and zod stays the judge of every value.
 */
type Shape = z.ZodType;
type AnyInput =
  | InputRef<unknown>
  | "ID"
  | "String"
  | "Int"
  | "Float"
  | "Boolean"
  | "Long"
  | "DateTime"
  | "NumberMap"
  | "StringMap";
type Input = { type: AnyInput | [AnyInput]; required: boolean };

const INT_MAX = 2_147_483_647;

const names = new Map<Shape, string>([
  [define.featureViewDefinition, "FeatureViewDefinitionInput"],
  [define.column, "ColumnInput"],
  [define.trafficSplit.element, "TrafficShareInput"],
  [define.outcomeDefinition, "OutcomeDefinitionInput"],
  [define.lineage, "LineageInput"],
  [define.monitorDefinition, "MonitorDefinitionInput"],
  [define.alertDefinition, "AlertDefinitionInput"],
  [define.trainingSpec, "TrainingSpecInput"],
  [track.runDataset, "RunDatasetInput"],
  [track.runOutput, "RunOutputInput"],
]);

const made = new Map<Shape, InputObjectRef<typeof builder.$inferSchemaTypes, object>>();

/** A shape without what wraps it: optional, nullable, default, prefault. */
const unwrap = (shape: Shape): Shape => {
  if (
    shape instanceof z.ZodOptional ||
    shape instanceof z.ZodNullable ||
    shape instanceof z.ZodDefault ||
    shape instanceof z.ZodPrefault
  ) {
    return unwrap(shape.unwrap() as Shape);
  }
  return shape;
};

/** The fields of an object; those of all branches of a union of objects, required where every branch requires them. */
const fieldsOf = (shape: Shape): Map<string, Shape[]> => {
  const fields = new Map<string, Shape[]>();
  const branches = shape instanceof z.ZodUnion ? (shape.options as Shape[]) : [shape];
  for (const branch of branches) {
    for (const [name, field] of Object.entries((branch as z.ZodObject).shape)) {
      fields.set(name, [...(fields.get(name) ?? []), field as Shape]);
    }
  }
  return fields;
};

const branchesOf = (shape: Shape): number => (shape instanceof z.ZodUnion ? shape.options.length : 1);

const isObject = (shape: Shape): boolean =>
  shape instanceof z.ZodObject || (shape instanceof z.ZodUnion && (shape.options as Shape[]).every(isObject));

const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);

const typeOf = (wrapped: Shape, name: string): AnyInput | [AnyInput] => {
  const shape = unwrap(wrapped);
  if (shape === instant) return "DateTime";
  if (isObject(shape)) return inputObject(shape, names.get(shape) ?? name);
  if (shape instanceof z.ZodArray) return [typeOf(shape.element as Shape, name) as AnyInput];
  if (shape instanceof z.ZodRecord) return shape.valueType instanceof z.ZodString ? "StringMap" : "NumberMap";
  if (shape instanceof z.ZodEnum) return enumOf(shape.options as string[]) as InputRef<unknown>;
  if (shape instanceof z.ZodString || shape instanceof z.ZodLiteral) return "String";
  if (shape instanceof z.ZodBoolean) return "Boolean";
  if (shape instanceof z.ZodUnion) return typeOf(shape.options[0] as Shape, name);
  if (shape instanceof z.ZodNumber) {
    if (!shape.isInt) return "Float";
    return (shape.maxValue ?? Number.POSITIVE_INFINITY) <= INT_MAX ? "Int" : "Long";
  }
  throw new Error(`no GraphQL input for the zod type ${shape.type} of ${name}: add it to graphql/mutations/inputs.ts`);
};

/** A discriminator has one literal in every branch: together they are an enum. */
const merged = (shapes: Shape[], name: string): AnyInput | [AnyInput] =>
  shapes.length > 1 && shapes.every((shape) => shape instanceof z.ZodLiteral)
    ? (enumOf(shapes.map((shape) => String((shape as z.ZodLiteral).value))) as InputRef<unknown>)
    : typeOf(shapes[0], name);

/** The input type of an object shape, made once. */
export const inputObject = (shape: Shape, name: string): InputRef<unknown> => {
  const known = made.get(shape);
  if (known !== undefined) return known;
  const ref = builder.inputRef<object>(name);
  made.set(shape, ref);
  const stem = name.replace(/Input$/, "");
  const branches = branchesOf(shape);
  const fields = new Map<string, Input>();
  for (const [field, shapes] of fieldsOf(shape)) {
    const type = merged(shapes, `${stem}${capital(field)}Input`);
    fields.set(field, {
      type: field === "id" && type === "String" ? "ID" : type,
      required:
        shapes.length === branches &&
        shapes.every((each) => !each.safeParse(undefined).success) &&
        !shapes.some(isNullable),
    });
  }
  ref.implement({
    fields: (t) =>
      Object.fromEntries(
        [...fields].map(([field, { type, required }]) => [field, t.field({ type: type as never, required })]),
      ),
  });
  return ref;
};

const isNullable = (shape: Shape): boolean => shape.safeParse(null).success;

/**
 * A payload for the command bus: GraphQL lets a caller write null for whatever is optional, zod does not, so a null
 * where the shape has none is taken as not given.
 */
export const toPayload = (wrapped: Shape, value: unknown): unknown => {
  const shape = unwrap(wrapped);
  if (Array.isArray(value) && shape instanceof z.ZodArray) {
    return value.map((item) => toPayload(shape.element as Shape, item));
  }
  if (typeof value !== "object" || value === null || !isObject(shape)) return value;
  const fields = fieldsOf(shape);
  const payload: Record<string, unknown> = {};
  for (const [name, item] of Object.entries(value)) {
    const field = (fields.get(name) as Shape[])[0];
    if (item === null && !isNullable(field)) continue;
    payload[name] = toPayload(field, item);
  }
  return payload;
};
