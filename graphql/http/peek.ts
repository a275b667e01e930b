import type { Broker, RecordBatch } from "../../infra/broker/port.ts";
import { partitionKey } from "../../infra/broker/port.ts";
import type { SchemaRegistry } from "../../infra/schema-registry/port.ts";
import { schemaIdOf, valueDecoder } from "../../schemas/codec.ts";
import { type ErrorCode, isMillraceError } from "../../schemas/errors.ts";

/** A record for people to look at: Avro decoded where its schema is known, else base64. */
export type ShownRecord = {
  partition: number;
  offset: number;
  timestamp: number;
  key: string | null;
  value: unknown;
  schemaId: number | null;
};

const shown = (_: string, value: unknown): unknown =>
  typeof value === "object" && value !== null && (value as { type?: unknown }).type === "Buffer"
    ? Buffer.from((value as { data: number[] }).data).toString("base64")
    : typeof value === "number" && !Number.isFinite(value)
      ? String(value)
      : value;

/** What is wrong with the record alone, which is then shown as it is. */
const isOfRecord: ReadonlySet<ErrorCode> = new Set(["UNKNOWN_SCHEMA", "UNDECODABLE_RECORD", "INVALID_SCHEMA"]);

const decode = async (
  registry: SchemaRegistry,
  bytes: Buffer,
): Promise<{ value: unknown; schemaId: number | null }> => {
  const schemaId = schemaIdOf(bytes, 0, bytes.length);
  try {
    if (schemaId !== null) {
      const value = valueDecoder(await registry.byId(schemaId))(bytes, 0, bytes.length);
      return { value: JSON.parse(JSON.stringify(value, shown)), schemaId };
    }
  } catch (error) {
    if (isMillraceError(error) && !isOfRecord.has(error.code)) throw error;
  }
  return { value: { base64: bytes.toString("base64") }, schemaId: null };
};

type Place = { topic: string; partition: number; offset: number; count: number };

/** Up to `count` records of a partition from an offset on, each as `of` has it. */
const take = async <T>(
  broker: Broker,
  { topic, partition, offset, count }: Place,
  of: (batch: RecordBatch, i: number) => T | Promise<T>,
): Promise<T[]> => {
  const reader = broker.reader({
    partitions: [{ topic, partition }],
    from: new Map([[partitionKey(topic, partition), offset]]),
    maxRecords: count,
  });
  const records: T[] = [];
  try {
    while (records.length < count) {
      const batch = await reader.poll(topic, partition);
      if (batch === null) break;
      for (let i = 0; i < batch.count && records.length < count; i++) records.push(await of(batch, i));
    }
    return records;
  } finally {
    await reader.close();
  }
};

/** For looking, not for consuming. */
export const peek = (broker: Broker, registry: SchemaRegistry, at: Place): Promise<ShownRecord[]> =>
  take(broker, at, (batch, i) => show(registry, batch, i));

/** A record as Kafka REST Proxy's consumers of the binary format get it: the very bytes, in base64. */
type BinaryRecord = { topic: string; key: string | null; value: string | null; partition: number; offset: number };

export const peekBytes = (broker: Broker, at: Place): Promise<BinaryRecord[]> =>
  take(broker, at, ({ bytes, keyStart, keyEnd, valueStart, valueEnd, offsets }, i) => ({
    topic: at.topic,
    key: keyStart[i] < 0 ? null : bytes.toString("base64", keyStart[i], keyEnd[i]),
    value: valueStart[i] < 0 ? null : bytes.toString("base64", valueStart[i], valueEnd[i]),
    partition: at.partition,
    offset: offsets[i],
  }));

const show = async (registry: SchemaRegistry, batch: RecordBatch, i: number): Promise<ShownRecord> => {
  const { bytes, keyStart, keyEnd, valueStart, valueEnd } = batch;
  const key = keyStart[i] < 0 ? null : bytes.toString("utf8", keyStart[i], keyEnd[i]);
  const decoded =
    valueStart[i] < 0
      ? { value: null, schemaId: null }
      : await decode(registry, bytes.subarray(valueStart[i], valueEnd[i]));
  return { partition: batch.partition, offset: batch.offsets[i], timestamp: batch.timestamps[i], key, ...decoded };
};
