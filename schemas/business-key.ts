import type { Type } from "avsc";
import { branchName, type Shape, shapeOf } from "./avro-shape.ts";
import { avroType } from "./codec.ts";
import { preview } from "./preview.ts";

/**
 * Keys by which outcomes, and labels, meet predictions: text that is equal exactly where the typed values are. A field
 * of one kind keeps its own text (`flight-7`, `42`), in which earlier releases wrote all keys.
 */
export type BusinessKey = {
  /** null where a field is null or not a number: such an event has no key, and meets nothing. */
  ofTrigger(event: Record<string, unknown>): string | null;
  ofOutcome(event: Record<string, unknown>): string | null;
};

/** What a prediction without a key has for one; no key is empty. */
export const noKey = "";

/** Joins the parts of a key of several fields; a part that contains it is quoted. */
const separator = "\u001f";

/** `fields` are the same in both sources, whose Avro schemas these are. Without fields nothing has a key. */
export const businessKey = (fields: readonly string[], trigger: string, outcome: string): BusinessKey => {
  const sides = [trigger, outcome].map((schema) => fields.map((field) => fieldType(schema, field)));
  const styles = fields.map(
    (_, i): Style => ({
      isMixed: sides.some((types) => types[i] !== undefined && kindsIn(types[i]).size > 1),
      isPart: fields.length > 1,
    }),
  );
  const [ofTrigger, ofOutcome] = sides.map((types) => {
    const texts = types.map((type, i) => (type === undefined ? () => null : textOf(type, styles[i])));
    return reader(fields, texts);
  });
  return { ofTrigger, ofOutcome };
};

type Text = (value: unknown) => string | null;

type Style = {
  /** Values of several kinds may stand in the field: the text has to say which kind it is. */
  isMixed: boolean;
  /** The key has further fields. */
  isPart: boolean;
};

const reader = (fields: readonly string[], texts: readonly Text[]): BusinessKey["ofTrigger"] => {
  const [field] = fields;
  const [text] = texts;
  if (fields.length === 0) return () => null;
  if (fields.length === 1) return (event) => text(event[field]);
  return (event) => {
    const parts: string[] = [];
    for (let i = 0; i < fields.length; i++) {
      const part = texts[i](event[fields[i]]);
      if (part === null) return null;
      parts.push(part);
    }
    return parts.join(separator);
  };
};

const fieldType = (schema: string, field: string): Type | undefined => {
  const shape = shapeOf(avroType(schema));
  return shape.kind === "record" ? shape.fields.find(({ name }) => name === field)?.type : undefined;
};

/** Of values of different kinds none are equal; numbers are one kind, whatever type they are of. */
const kindOf = ({ kind }: Shape): string => {
  if (kind === "int" || kind === "long" || kind === "float" || kind === "double") return "number";
  if (kind === "enum") return "string";
  return kind === "fixed" ? "bytes" : kind;
};

const kindsIn = (type: Type): Set<string> => {
  const shape = shapeOf(type);
  const branches = shape.kind === "union" ? shape.branches.map(shapeOf) : [shape];
  return new Set(branches.map(kindOf).filter((kind) => kind !== "null"));
};

const textOf = (type: Type, style: Style): Text => {
  const shape = shapeOf(type);
  switch (shape.kind) {
    case "null":
      return () => null;
    case "boolean":
      return String;
    case "int":
    case "long":
    case "float":
    case "double":
      return numberText;
    case "string":
    case "enum":
      return (value) => stringText(value as string, style);
    case "bytes":
    case "fixed":
      return (value) => bytesText(value as Buffer, style);
    case "record":
    case "array":
    case "map":
      return (value) => jsonText(type, value);
    case "union":
      return branchText(shape.branches, shape.wrapped, (branch) => textOf(branch, style));
  }
};

const branchText = (branches: readonly Type[], isWrapped: boolean, textOfBranch: (branch: Type) => Text): Text => {
  const nameOf = (branch: Type): string => (isWrapped ? branchName(branch) : bucketOf(shapeOf(branch)));
  const texts = new Map(branches.map((branch) => [nameOf(branch), textOfBranch(branch)]));
  if (!isWrapped) return (value) => texts.get(bucketOfValue(value))?.(value) ?? null;
  return (value) => {
    for (const name in value as object) return texts.get(name)?.((value as Record<string, unknown>)[name]) ?? null;
    return null;
  };
};

/** How JavaScript tells the branches of a plain union apart: as avsc does, where they can be. */
const bucketOf = (shape: Shape): string => {
  const kind = kindOf(shape);
  return kind === "record" || kind === "map" ? "object" : kind;
};

const bucketOfValue = (value: unknown): string => {
  if (value === null || value === undefined) return "null";
  if (Buffer.isBuffer(value)) return "bytes";
  return Array.isArray(value) ? "array" : typeof value;
};

const numberText: Text = (value) => (Number.isNaN(value) ? null : String(value));

/** Begins like the text of a number, a boolean, bytes or a record. */
const otherKind = /^(?:-?\d|-?Infinity$|true$|false$|[{[])/;

const stringText = (value: string, { isMixed, isPart }: Style): string => {
  const isPlain =
    value !== "" &&
    value.charCodeAt(0) !== quote &&
    !(isPart && value.includes(separator)) &&
    !(isMixed && otherKind.test(value));
  return isPlain ? value : JSON.stringify(value);
};

const quote = 0x22;

/** UTF-8 as its text, other bytes as `0x` and hexadecimal digits. */
const bytesText = (value: Buffer, { isMixed, isPart }: Style): string => {
  const text = value.toString("utf8");
  const isPlain =
    !isMixed &&
    value.length > 0 &&
    !text.startsWith("0x") &&
    !(isPart && text.includes(separator)) &&
    Buffer.from(text, "utf8").equals(value);
  return isPlain ? text : `0x${value.toString("hex")}`;
};

/** A value with parts as JSON, with the names in order and bytes as a bare `0x…`; null where a part is null. */
const jsonText = (type: Type, value: unknown): string | null => {
  const shape = shapeOf(type);
  switch (shape.kind) {
    case "record": {
      const record = value as Record<string, unknown>;
      return objectText(shape.fields.map(({ name, type: of }) => [name, jsonText(of, record[name])]));
    }
    case "map":
      return objectText(Object.entries(value as object).map(([name, of]) => [name, jsonText(shape.values, of)]));
    case "array": {
      const items = (value as unknown[]).map((item) => jsonText(shape.items, item));
      return items.includes(null) ? null : `[${items.join(",")}]`;
    }
    case "union":
      return branchText(shape.branches, shape.wrapped, (branch) => (part) => jsonText(branch, part))(value);
    case "string":
    case "enum":
      return JSON.stringify(value);
    case "bytes":
    case "fixed":
      return `0x${(value as Buffer).toString("hex")}`;
    default:
      return textOf(type, { isMixed: false, isPart: false })(value);
  }
};

const objectText = (parts: [string, string | null][]): string | null => {
  if (parts.some(([, text]) => text === null)) return null;
  const sorted = parts.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${sorted.map(([name, text]) => `${JSON.stringify(name)}:${text}`).join(",")}}`;
};

/** Why a field of an Avro record schema cannot be a key; null where it can, or where there is no such field. */
export const keyProblem = (schema: string, field: string): string | null => {
  const type = fieldType(schema, field);
  if (type === undefined) return null;
  const found = unkeyable(type, new Set());
  return found === null ? null : `"${field}" is ${preview(JSON.parse(JSON.stringify(type)))}: ${found}`;
};

const unkeyable = (type: Type, around: ReadonlySet<Type>): string | null => {
  const shape = shapeOf(type);
  switch (shape.kind) {
    case "null":
      return "null is no key";
    case "array":
    case "map":
      return `values of type ${shape.kind} are no keys`;
    case "union":
      return firstOf(
        shape.branches.filter((branch) => branch.typeName !== "null").map((one) => unkeyable(one, around)),
      );
    case "record": {
      if (around.has(type)) return "a record within itself is no key";
      if (shape.fields.length === 0) return "a record without fields is no key";
      const within = new Set([...around, type]);
      return firstOf(shape.fields.map((field) => unkeyable(field.type, within)));
    }
    default:
      return null;
  }
};

const firstOf = (problems: readonly (string | null)[]): string | null =>
  problems.find((problem) => problem !== null) ?? null;
