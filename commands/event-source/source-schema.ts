import { MillraceError } from "../../schemas/errors.ts";

type Field = { name: string; type: unknown };

/** The fields of an Avro record schema, given as JSON. INVALID_SCHEMA when it is not a record. */
export const recordFields = (schema: string): Map<string, unknown> => {
  let parsed: { type?: unknown; fields?: unknown };
  try {
    parsed = JSON.parse(schema);
  } catch (error) {
    throw new MillraceError("INVALID_SCHEMA", `the schema is not JSON: ${(error as Error).message}`, { cause: error });
  }
  if (parsed === null || typeof parsed !== "object" || parsed.type !== "record" || !Array.isArray(parsed.fields)) {
    throw new MillraceError("INVALID_SCHEMA", "the schema of an event source must be an Avro record with fields");
  }
  return new Map((parsed.fields as Field[]).map((field) => [field.name, field.type]));
};

/** The name of a field's type without its logical type: `{type: "long", logicalType: ...}` is a long. */
const plainType = (type: unknown): unknown =>
  type !== null && typeof type === "object" && "type" in type ? plainType(type.type) : type;

const keyTypes: readonly unknown[] = ["string", "int", "long", "enum"];

/** INVALID_SCHEMA unless the record has its key (string, int, long or enum) and its timestamp (long), never null. */
export const checkSourceSchema = (schema: string, key: string, timestamp: string): void => {
  const fields = recordFields(schema);
  const need = (role: string, field: string, types: readonly unknown[]): void => {
    const named = [...fields.keys()].join(", ");
    if (!fields.has(field)) {
      throw new MillraceError(
        "INVALID_SCHEMA",
        `the ${role} field "${field}" is not in the schema, which has: ${named}`,
      );
    }
    if (!types.includes(plainType(fields.get(field)))) {
      const found = JSON.stringify(fields.get(field));
      throw new MillraceError(
        "INVALID_SCHEMA",
        `the ${role} field "${field}" is ${found}; expected one of ${types.join(", ")}, not null`,
      );
    }
  };
  need("key", key, keyTypes);
  need("timestamp", timestamp, ["long"]);
};
