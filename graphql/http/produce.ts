import type { SchemaRegistry } from "../../infra/schema-registry/port.ts";
import { avroType, recordDecoder } from "../../schemas/codec.ts";
import { MillraceError } from "../../schemas/errors.ts";
import type { EventSourceDefinition } from "../../schemas/lifecycle/event-source.ts";
import { type GivenRecord, jsonValue, type ReadyValue } from "./records.ts";

export type ProduceFormat = "json" | "avro" | "binary";

/** The body of `POST /topics/{topic}`. */
export type ProduceBody = {
  records: readonly GivenRecord[];
  value_schema?: unknown;
  value_schema_id?: unknown;
};

/** How the values of one request become bytes, and under which schema. */
export type Writer = { schemaId: number | null; ready: (value: unknown) => ReadyValue };

const MAX_RECORDS = 100_000;

/** BAD_REQUEST unless the body is `{ records: [...] }`. */
export const produceBody = (body: unknown): ProduceBody => {
  const { records } = (typeof body === "object" && body !== null ? body : {}) as { records?: unknown };
  if (!Array.isArray(records) || records.length === 0 || records.length > MAX_RECORDS) {
    throw new MillraceError("BAD_REQUEST", `records: expected an array of 1 to ${MAX_RECORDS} records`);
  }
  return body as ProduceBody;
};

const avroWriter = async (registry: SchemaRegistry, topic: string, body: ProduceBody): Promise<Writer> => {
  const { value_schema: schema, value_schema_id: id } = body;
  const { length } = body.records;
  if (typeof id === "number" && Number.isInteger(id)) {
    return { schemaId: id, ready: jsonValue(id, avroType(await registry.byId(id)), length) };
  }
  if (typeof schema !== "string") {
    throw new MillraceError(
      "INVALID_SCHEMA",
      "value_schema: expected an Avro schema as JSON text, or value_schema_id",
      {
        details: { field: "value_schema" },
      },
    );
  }
  const registered = await registry.register(`${topic}-value`, schema);
  return { schemaId: registered.id, ready: jsonValue(registered.id, avroType(schema), length) };
};

/** Base64, strictly: Node's own decoder skips what it does not know. */
const base64 = /^[A-Za-z0-9+/]*={0,2}$/;

const bytesOf = (value: unknown): Buffer => {
  if (typeof value === "string" && base64.test(value)) return Buffer.from(value, "base64");
  throw new MillraceError("INVALID_RECORD", "value: expected base64 of a framed Avro record", {
    details: { field: "value" },
  });
};

const binaryWriter = async (
  registry: SchemaRegistry,
  definition: EventSourceDefinition,
  body: ProduceBody,
): Promise<Writer> => {
  const schemas = new Map<number, string>();
  const decoder = recordDecoder(definition.schema, (id) => schemas.get(id));
  for (const record of body.records) {
    if (typeof record?.value !== "string" || !base64.test(record.value)) continue;
    const bytes = Buffer.from(record.value, "base64");
    const missing = decoder.missing(bytes, 0, bytes.length);
    if (missing !== null) schemas.set(missing, await registry.byId(missing));
  }
  const ready = (value: unknown): ReadyValue => {
    const bytes = bytesOf(value);
    return { bytes, fields: decoder.decode(bytes, 0, bytes.length) };
  };
  return { schemaId: null, ready };
};

/** UNKNOWN_SCHEMA, INVALID_SCHEMA, INCOMPATIBLE_SCHEMA where the request brings a schema of its own. */
export const writerOf = async (
  format: ProduceFormat,
  registry: SchemaRegistry,
  definition: EventSourceDefinition,
  body: ProduceBody,
): Promise<Writer> => {
  if (format === "avro") return avroWriter(registry, definition.topic, body);
  if (format === "binary") return binaryWriter(registry, definition, body);
  const { schemaId, schema } = definition;
  return { schemaId, ready: jsonValue(schemaId, avroType(schema), body.records.length) };
};
