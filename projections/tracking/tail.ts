import { type Broker, partitionKey, partitionOf, type RecordBatch } from "../../infra/broker/port.ts";
import { isMillraceError } from "../../schemas/errors.ts";
import { type MetricBatchRecord, topicOf } from "../../schemas/topics.ts";
import { decodeMetrics } from "./metric-record.ts";

/** Next offset of each partition that a table has not got yet. */
export type Reached = ReadonlyMap<number, number>;

/**
 * What was logged of these runs, of all with null, and has not reached a table: the records from where the table ends
 * up to the end of the topic as it is now. What cannot be decoded is passed over: it will not be in a table either.
 */
export const metricTail = async (
  broker: Broker,
  project: string,
  runs: readonly string[] | null,
  reached: Reached,
): Promise<MetricBatchRecord[]> => {
  const topic = topicOf.metrics(project);
  const config = await broker.topic(topic);
  if (config === null) return [];
  const wanted = runs === null ? null : new Set(runs);
  const all = Array.from({ length: config.partitions }, (_, partition) => partition);
  const own = new Set(runs?.map((run) => partitionOf(Buffer.from(run), config.partitions)) ?? all);
  const ends = await broker.watermarks(topic);
  const behind = [...own]
    .map((partition) => {
      const { low, high } = ends[partition];
      return { topic, partition, from: Math.max(low, reached.get(partition) ?? 0), high };
    })
    .filter(({ from, high }) => from < high);
  if (behind.length === 0) return [];
  const from = new Map(behind.map(({ partition, from }) => [partitionKey(topic, partition), from]));
  const reader = broker.reader({ partitions: behind, from });
  const found: MetricBatchRecord[] = [];
  try {
    for (const { partition, from, high } of behind) {
      for (let next = from; next < high; ) {
        const batch = await reader.poll(topic, partition);
        // A broker's own marks may take the last offsets.
        if (batch === null || batch.count === 0) break;
        for (let i = 0; i < batch.count; i++) {
          if (batch.valueStart[i] < 0) continue;
          const run = batch.bytes.toString("latin1", batch.keyStart[i], batch.keyEnd[i]);
          if (wanted !== null && !wanted.has(run)) continue;
          const record = decodable(batch, i);
          if (record !== null) found.push(record);
        }
        next = batch.offsets[batch.count - 1] + 1;
      }
    }
  } finally {
    await reader.close();
  }
  return found;
};

/** Without the partitions of which a table has more than the log: it is of another log, and about to be cut back. */
export const reachedOfLog = async (broker: Broker, project: string, reached: Reached): Promise<Reached> => {
  const topic = topicOf.metrics(project);
  if ((await broker.topic(topic)) === null) return reached;
  const ends = await broker.watermarks(topic);
  return new Map([...reached].filter(([partition, next]) => next <= (ends[partition]?.high ?? 0)));
};

const decodable = (batch: RecordBatch, i: number): MetricBatchRecord | null => {
  try {
    return decodeMetrics(batch, i);
  } catch (error) {
    if (isMillraceError(error, "UNDECODABLE_RECORD")) return null;
    throw error;
  }
};
