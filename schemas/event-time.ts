import { parseSchema } from "./avro-limits.ts";

/** In what an event source writes its event time. */
export type TimeUnit = "milliseconds" | "microseconds";

/** Logical types of a long that are no moment, or too fine for the numbers that records are read into. */
const noMoments: readonly unknown[] = ["time-micros", "timestamp-nanos", "local-timestamp-nanos"];

const logicalTypeOf = (type: unknown): unknown => {
  if (typeof type !== "object" || type === null || Array.isArray(type)) return undefined;
  const { logicalType, type: inner } = type as { logicalType?: unknown; type?: unknown };
  return logicalType ?? logicalTypeOf(inner);
};

/**
 * The unit of a field of type long: microseconds where its logical type says so, `local-` (which is UTC, too) or not;
 * else milliseconds. null for one whose logical type is no moment in either.
 */
export const timeUnitOf = (fieldType: unknown): TimeUnit | null => {
  const logicalType = logicalTypeOf(fieldType);
  if (noMoments.includes(logicalType)) return null;
  const isMicros = logicalType === "timestamp-micros" || logicalType === "local-timestamp-micros";
  return isMicros ? "microseconds" : "milliseconds";
};

/** Units of the fields of schemas that were asked for, by schema: doors ask with each request. */
const known = new Map<string, ReadonlyMap<string, TimeUnit | null>>();
const maxKnown = 1024;

const unitsIn = (schema: string): ReadonlyMap<string, TimeUnit | null> => {
  const { fields } = parseSchema(schema) as { fields?: { name: string; type: unknown }[] };
  return new Map(fields?.map(({ name, type }) => [name, timeUnitOf(type)]));
};

/** The unit of a field of an Avro record schema; of one that is not there, or no moment, milliseconds. */
export const sourceTimeUnit = (schema: string, field: string): TimeUnit => {
  const units = known.get(schema) ?? unitsIn(schema);
  if (!known.has(schema)) {
    if (known.size >= maxKnown) known.clear();
    known.set(schema, units);
  }
  return units.get(field) ?? "milliseconds";
};

/** Reads the event time of decoded events, UTC milliseconds; microseconds are cut to them. */
export const eventTimeOf = (schema: string, field: string): ((event: Record<string, unknown>) => number) =>
  sourceTimeUnit(schema, field) === "microseconds"
    ? (event) => Math.floor((event[field] as number) / 1000)
    : (event) => event[field] as number;
