import { parseSchema } from "../../schemas/avro-limits.ts";
import { MillraceError } from "../../schemas/errors.ts";

export type FieldType = { type: "number" | "string" | "bool" | "other"; nullable: boolean };

/** Top-level fields of an event by name. */
export type FieldTypes = ReadonlyMap<string, FieldType>;

/**
 * Field types of an Avro record schema (JSON): int, long, float and double are numbers, enums are strings,
 * a union with null is nullable; whatever an expression cannot hold (arrays, records, bytes, wider unions) is `other`.
 * INVALID_SCHEMA where it is not a record schema.
 */
export const fieldTypes = (avroSchema: string): FieldTypes => {
  const schema = parseRecord(avroSchema);
  return new Map(schema.fields.map((field) => [field.name, typeOf(field.type)]));
};

type AvroRecord = { fields: { name: string; type: unknown }[] };

const parseRecord = (avroSchema: string): AvroRecord => {
  const schema = parseSchema(avroSchema);
  if (isObject(schema) && schema.type === "record" && Array.isArray(schema.fields) && schema.fields.every(isObject)) {
    return schema as AvroRecord;
  }
  throw new MillraceError("INVALID_SCHEMA", "The Avro schema of an event source must be a record with fields.");
};

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;

const typeOf = (type: unknown): FieldType => {
  if (Array.isArray(type)) {
    const others = type.filter((branch) => branch !== "null");
    const nullable = others.length < type.length;
    return others.length === 1 ? { type: typeOf(others[0]).type, nullable } : { type: "other", nullable };
  }
  if (isObject(type)) {
    return type.type === "enum" ? { type: "string", nullable: false } : typeOf(type.type);
  }
  switch (type) {
    case "int":
    case "long":
    case "float":
    case "double":
      return { type: "number", nullable: false };
    case "string":
      return { type: "string", nullable: false };
    case "boolean":
      return { type: "bool", nullable: false };
    default:
      return { type: "other", nullable: false };
  }
};
