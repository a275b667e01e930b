import { parseSchema } from "../../schemas/avro-limits.ts";
import { MillraceError } from "../../schemas/errors.ts";
import { sourceTimeUnit, timeUnitOf } from "../../schemas/event-time.ts";
import { listed, preview } from "../../schemas/preview.ts";

type Field = { name: string; type: unknown };

const isField = (field: unknown): field is Field =>
  typeof field === "object" && field !== null && typeof (field as Field).name === "string";

/** The fields of an Avro record schema, given as JSON. INVALID_SCHEMA when it is not a record. */
export const recordFields = (schema: string): Map<string, unknown> => {
  const { type, fields } = (parseSchema(schema) ?? {}) as { type?: unknown; fields?: unknown };
  if (type !== "record" || !Array.isArray(fields) || !fields.every(isField)) {
    throw new MillraceError("INVALID_SCHEMA", "the schema of an event source must be an Avro record with fields");
  }
  return new Map(fields.map((field) => [field.name, field.type]));
};

/** The name of a field's type without its logical type: `{type: "long", logicalType: ...}` is a long. */
const plainType = (type: unknown): unknown =>
  type !== null && typeof type === "object" && "type" in type ? plainType(type.type) : type;

const keyTypes: readonly unknown[] = ["string", "int", "long", "enum"];

/** INVALID_SCHEMA unless the record has its key (string, int, long or enum) and its timestamp (long), never null. */
export const checkSourceSchema = (schema: string, key: string, timestamp: string): void => {
  const fields = recordFields(schema);
  const need = (role: string, field: string, types: readonly unknown[]): void => {
    const named = listed([...fields.keys()]);
    if (!fields.has(field)) {
      throw new MillraceError(
        "INVALID_SCHEMA",
        `the ${role} field "${field}" is not in the schema, which has: ${named}`,
      );
    }
    if (!types.includes(plainType(fields.get(field)))) {
      const found = preview(fields.get(field));
      throw new MillraceError(
        "INVALID_SCHEMA",
        `the ${role} field "${field}" is ${found}; expected one of ${types.join(", ")}, not null`,
      );
    }
  };
  need("key", key, keyTypes);
  need("timestamp", timestamp, ["long"]);
  if (timeUnitOf(fields.get(timestamp)) !== null) return;
  throw new MillraceError(
    "INVALID_SCHEMA",
    `the timestamp field "${timestamp}" is ${preview(fields.get(timestamp))}; expected a moment in UTC milliseconds, or ` +
      "in microseconds with the logical type timestamp-micros",
  );
};

/** INVALID_SCHEMA where a schema would read the event times of older records as other moments. */
export const checkSameTime = (before: string, after: string, timestamp: string): void => {
  const [was, is] = [before, after].map((schema) => sourceTimeUnit(schema, timestamp));
  if (was === is) return;
  throw new MillraceError(
    "INVALID_SCHEMA",
    `the timestamp field "${timestamp}" is in ${was} and cannot become ${is}: all older events would move; ` +
      "create an event source on a new topic",
  );
};
