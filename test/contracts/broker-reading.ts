import { recordKey, recordValue } from "../../infra/broker/batch.ts";
import type { Broker, OutputRecord, Reader, RecordBatch } from "../../infra/broker/port.ts";

/** One record as a test sees it. */
export type Seen = { partition: number; offset: number; key: string | null; value: string | null; timestamp: number };

export const seenIn = (batch: RecordBatch): Seen[] =>
  Array.from({ length: batch.count }, (_, i) => ({
    partition: batch.partition,
    offset: batch.offsets[i],
    key: recordKey(batch, i),
    value: recordValue(batch, i)?.toString() ?? null,
    timestamp: batch.timestamps[i],
  }));

export const readerOf = (broker: Broker, topic: string, partitions: number, maxRecords?: number): Reader =>
  broker.reader({
    partitions: Array.from({ length: partitions }, (_, partition) => ({ topic, partition })),
    from: new Map(),
    maxRecords,
  });

/** Everything that is there now, partition by partition. */
export const readAll = async (broker: Broker, topic: string, maxRecords?: number): Promise<Seen[]> => {
  const partitions = (await broker.topic(topic))?.partitions ?? 0;
  const reader = readerOf(broker, topic, partitions, maxRecords);
  const all: Seen[] = [];
  for (let partition = 0; partition < partitions; partition++) {
    for (let batch = await reader.poll(topic, partition); batch !== null; batch = await reader.poll(topic, partition)) {
      all.push(...seenIn(batch));
    }
  }
  await reader.close();
  return all;
};

/** A record with its value as text. */
export const record = (key: string | null, value: string | null, timestamp = 1000): OutputRecord => ({
  key,
  value: value === null ? null : Buffer.from(value),
  timestamp,
});
