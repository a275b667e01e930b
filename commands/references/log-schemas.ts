import { setImmediate as nextTurn } from "node:timers/promises";
import type { Type } from "avsc";
import type { Broker } from "../../infra/broker/port.ts";
import { partitionKey } from "../../infra/broker/port.ts";
import { incompatibilities } from "../../infra/schema-registry/compatibility.ts";
import type { RegisteredSchema, SchemaRegistry } from "../../infra/schema-registry/port.ts";
import { shapeOf } from "../../schemas/avro-shape.ts";
import { avroType, schemaIdOf } from "../../schemas/codec.ts";
import { MillraceError } from "../../schemas/errors.ts";

/** How long a log is looked through, milliseconds; of a longer one every schema counts as if it had records. */
const surveyMs = 5_000;

/** What one answer names. */
const namedWriters = 10;

export type LogSchemasPorts = { broker: Broker; registry: SchemaRegistry };

export type SchemaChange = {
  topic: string;
  /** The schema that is to read the topic from now on. */
  next: string;
  /** Those that have read it: what none of them reads was a dead letter then, and may stay one. */
  readers: readonly string[];
};

/**
 * INCOMPATIBLE_SCHEMA unless `next` reads every record that is still in the topic's log and was read until now, to the
 * same values. The registry's levels look at schemas, mostly at the latest alone; views, training sets and proofs are
 * built from the records, and of those there may be some of any schema that the topic ever had.
 */
export const checkLogReadable = async (
  { broker, registry }: LogSchemasPorts,
  { topic, next, readers }: SchemaChange,
): Promise<void> => {
  const unfit: Unfit[] = [];
  for (const writer of await writersOf(registry, topic, next)) {
    await nextTurn();
    const readBy = readers.filter((reader) => incompatibilities("BACKWARD", reader, writer.schema).length === 0);
    if (readBy.length === 0) continue;
    const reasons = incompatibilities("BACKWARD", next, writer.schema);
    if (reasons.length === 0) reasons.push(...readBy.flatMap((reader) => otherValues(reader, next, writer.schema)));
    if (reasons.length > 0) unfit.push({ ...writer, reasons });
  }
  if (unfit.length === 0) return;
  const log = await surveyLog(broker, topic);
  const inLog = unfit.filter(({ id }) => log === null || log.hasJson || log.ids.has(id));
  if (inLog.length > 0) throw unreadable(topic, inLog, log !== null);
};

type Unfit = RegisteredSchema & { reasons: string[] };

const unreadable = (topic: string, unfit: readonly Unfit[], isCertain: boolean): MillraceError => {
  const named = unfit.slice(0, namedWriters);
  const said = named.map(({ subject, version, reasons }) => `version ${version} of ${subject}: ${reasons.join("; ")}`);
  const what = isCertain
    ? `records in the log of topic "${topic}"`
    : `records that the log of topic "${topic}", too long to be looked through, may have`;
  const more = unfit.length > named.length ? ` (and ${unfit.length - named.length} versions more)` : "";
  return new MillraceError(
    "INCOMPATIBLE_SCHEMA",
    `the schema does not read ${what} as they were read until now. ${said.join(". ")}${more}. ` +
      "Let the field take both types, give the new meaning a new field with a default, or create an event source on a new topic",
    {
      details: {
        topic,
        versions: named.map(({ id, subject, version, reasons }) => ({ id, subject, version, reasons })),
      },
    },
  );
};

/** Schemas that records of the topic may be of, by the usual names of subjects: after topic, topic and record, record. */
const writersOf = async (registry: SchemaRegistry, topic: string, next: string): Promise<RegisteredSchema[]> => {
  const { name } = avroType(next);
  const found = new Map<number, RegisteredSchema>();
  for (const subject of await registry.subjects()) {
    if (!subject.startsWith(`${topic}-`) && subject !== name) continue;
    for (const version of await registry.versions(subject)) found.set(version.id, version);
  }
  return [...found.values()];
};

type RecordFields = Extract<ReturnType<typeof shapeOf>, { kind: "record" }>["fields"];
type RecordField = RecordFields[number];

const fieldsOf = (type: Type): RecordFields => {
  const shape = shapeOf(type);
  return shape.kind === "record" ? shape.fields : [];
};

/** Why fields that both readers have get other values from the writer's records. */
const otherValues = (reader: string, next: string, writer: string): string[] => {
  const written = new Map(fieldsOf(avroType(writer)).map((field) => [field.name, field]));
  const before = new Map(fieldsOf(avroType(reader)).map((field) => [field.name, field]));
  const sourceOf = ({ name, aliases }: RecordField) =>
    [name, ...aliases].map((one) => written.get(one)).find((field) => field !== undefined);
  return fieldsOf(avroType(next)).flatMap((field) => {
    const known = before.get(field.name);
    if (known === undefined) return [];
    const from = sourceOf(field);
    const was = sourceOf(known);
    if (from !== was) return [`"${field.name}" would be read from ${named(from)}, it was from ${named(was)}`];
    if (from === undefined) {
      const [is, other] = [known, field].map((one) => JSON.stringify(one.defaultValue()));
      return is === other ? [] : [`"${field.name}" would become ${other} where it is not written, it was ${is}`];
    }
    const isRounded = field.type.typeName === "float" && known.type.typeName !== "float";
    return isRounded && wholeNumbers.includes(from.type.typeName)
      ? [`"${field.name}" would be rounded to a float, it was a ${known.type.typeName}`]
      : [];
  });
};

const wholeNumbers: readonly string[] = ["int", "long"];

const named = (field: RecordField | undefined): string => (field === undefined ? "its default" : `"${field.name}"`);

/** Ids of the records that a log holds, and whether some are JSON, which has none; null where it is too long. */
const surveyLog = async (
  broker: Broker,
  topic: string,
): Promise<{ ids: ReadonlySet<number>; hasJson: boolean } | null> => {
  const ids = new Set<number>();
  let hasJson = false;
  if ((await broker.topic(topic)) === null) return { ids, hasJson };
  const until = performance.now() + surveyMs;
  for (const [partition, { low, high }] of (await broker.watermarks(topic)).entries()) {
    const reader = broker.reader({
      partitions: [{ topic, partition }],
      from: new Map([[partitionKey(topic, partition), low]]),
    });
    try {
      for (let next = low; next < high; ) {
        if (performance.now() > until) return null;
        // Others have their turn between two batches.
        await nextTurn();
        const batch = await reader.poll(topic, partition);
        if (batch === null) break;
        for (let i = 0; i < batch.count; i++) {
          if (batch.valueStart[i] < 0) continue;
          const id = schemaIdOf(batch.bytes, batch.valueStart[i], batch.valueEnd[i]);
          if (id !== null) ids.add(id);
          else hasJson ||= batch.bytes[batch.valueStart[i]] === openingBrace;
        }
        next = batch.offsets[batch.count - 1] + 1;
      }
    } finally {
      await reader.close();
    }
  }
  return { ids, hasJson };
};

const openingBrace = 0x7b;
