import type { Type } from "avsc";
import { type OutputRecord, partitionOf } from "../../infra/broker/port.ts";
import type { Clock } from "../../infra/clock.ts";
import { conversionBudget, jsonToAvro } from "../../schemas/avro-json.ts";
import { frame } from "../../schemas/codec.ts";
import { asMillraceError, type ErrorCode, MillraceError } from "../../schemas/errors.ts";
import { eventTimeOf } from "../../schemas/event-time.ts";
import type { EventSourceDefinition } from "../../schemas/lifecycle/event-source.ts";
import { isStackOverflow } from "../errors.ts";

/** One record of a request, as Kafka REST Proxy v2 has it. */
export type GivenRecord = {
  key?: unknown;
  value?: unknown;
  partition?: unknown;
  timestamp?: unknown;
  headers?: unknown;
};

/** A value made ready: its framed bytes, and the decoded fields that key and event time are taken from. */
export type ReadyValue = { bytes: Buffer; fields: Record<string, unknown> };

type Problem = { index: number; field: string | null; code: ErrorCode; message: string };

const MAX_AHEAD_MS = 86_400_000;
/** Problems listed in one answer. */
const MAX_LISTED = 100;

const refuse = (field: string, message: string, code: ErrorCode = "INVALID_RECORD"): never => {
  throw new MillraceError(code, `${field}: ${message}`, { details: { field } });
};

const tooDeep = (): MillraceError =>
  new MillraceError("INVALID_RECORD", "value: it nests too deeply", { details: { field: "value" } });

/** The value inside `{ "string": "x" }`, as avsc holds a branch of a wrapped union. */
const unwrapped = (value: unknown): unknown =>
  typeof value === "object" && value !== null ? Object.values(value)[0] : value;

const keyOf = (fields: Record<string, unknown>, name: string): string => {
  const value = unwrapped(fields[name]);
  if (value === null || value === undefined || value === "") return refuse(name, "the key must not be null or empty");
  return String(value);
};

/** The largest time that a Date can hold. */
const MAX_DATE_MS = 8.64e15;

const momentOf = (at: number): string => (at <= MAX_DATE_MS ? new Date(at).toISOString() : String(at));

const timestampOf = (
  fields: Record<string, unknown>,
  { timestamp: name, timeOf }: { timestamp: string; timeOf: ReturnType<typeof eventTimeOf> },
  latest: number,
): number => {
  const at = timeOf({ [name]: unwrapped(fields[name]) });
  if (!Number.isInteger(at)) return refuse(name, "expected the event time as a whole number");
  if (at < 0) return refuse(name, `${at} is before 1970`);
  if (at > latest) return refuse(name, `${momentOf(at)} is more than 24 hours ahead`);
  return at;
};

/** Whether a key that stands beside a value is the value's own; in the binary format it is base64. */
const isKey = (given: unknown, key: string, isBinary: boolean): boolean => {
  if (typeof given !== "string" && typeof given !== "number") return false;
  return String(given) === key || (isBinary && Buffer.from(key).toString("base64") === given);
};

/** Headers would be dropped: nothing in the platform reads them, and the proxy's v2 does not know them either. */
const refuseHeaders = (headers: unknown): void => {
  if (headers == null || (Array.isArray(headers) && headers.length === 0)) return;
  refuse("headers", "records of an event source have none: put what they say into the value");
};

/** JSON against a schema, to framed Avro, for so many records of one request. */
export const jsonValue = (schemaId: number, type: Type, records: number) => {
  const budget = conversionBudget(records);
  return (value: unknown): ReadyValue => {
    const fields = jsonToAvro(type, value, budget) as Record<string, unknown>;
    return { bytes: frame(schemaId, type, fields), fields };
  };
};

/**
 * Records for the broker. Key and event time come from the value's own fields; what the request says beside them
 * must agree. All or none: any bad record refuses the request, with every problem in `details.records`.
 */
export const toRecords = (
  given: readonly GivenRecord[],
  ready: (value: unknown) => ReadyValue,
  definition: EventSourceDefinition,
  { clock, isBinary }: { clock: Clock; isBinary: boolean },
): OutputRecord[] => {
  const latest = clock() + MAX_AHEAD_MS;
  const { key: keyField, timestamp: timestampField, maxRecordBytes, partitions } = definition;
  const timeOf = eventTimeOf(definition.schema, timestampField);
  const records: OutputRecord[] = [];
  const problems: Problem[] = [];
  for (let index = 0; index < given.length; index++) {
    try {
      const record = given[index];
      if (typeof record !== "object" || record === null) refuse("records", "expected an object with a value");
      if (record.value === null || record.value === undefined) refuse("value", "expected a value, got null");
      refuseHeaders(record.headers);
      const { bytes, fields } = ready(record.value);
      const key = keyOf(fields, keyField);
      const timestamp = timestampOf(fields, { timestamp: timestampField, timeOf }, latest);
      if (record.key != null && !isKey(record.key, key, isBinary))
        refuse("key", `differs from the field ${keyField}, "${key}"`);
      if (record.timestamp != null && record.timestamp !== timestamp) {
        refuse("timestamp", `differs from the field ${timestampField}, ${timestamp}`);
      }
      if (record.partition != null && record.partition !== partitionOf(Buffer.from(key), partitions)) {
        refuse("partition", `the key "${key}" belongs to another partition; leave it out`);
      }
      const size = bytes.length + Buffer.byteLength(key);
      if (size > maxRecordBytes)
        refuse("value", `${size} bytes, the topic allows ${maxRecordBytes}`, "RECORD_TOO_LARGE");
      records.push({ key, value: bytes, timestamp });
    } catch (error) {
      const { code, message, details } = isStackOverflow(error) ? tooDeep() : asMillraceError(error);
      if (code === "INTERNAL") throw error;
      if (problems.length === MAX_LISTED) break;
      problems.push({ index, field: typeof details.field === "string" ? details.field : null, code, message });
    }
  }
  if (problems.length > 0) throw refusalOf(problems, given.length);
  return records;
};

const refusalOf = (problems: readonly Problem[], total: number): MillraceError => {
  const [first] = problems;
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more of ${total} records)` : "";
  return new MillraceError(first.code, `nothing was written: record ${first.index}: ${first.message}${more}`, {
    details: { index: first.index, field: first.field, records: problems.slice(0, MAX_LISTED) },
  });
};
