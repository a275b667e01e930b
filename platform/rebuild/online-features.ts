import { type Broker, partitionKey, type RecordBatch, type TopicPartition } from "../../infra/broker/port.ts";
import type { Entry, OnlineStore } from "../../infra/online-store/port.ts";
import { isStateKey, parseStateKey } from "../../ml/features/changelog-key.ts";
import { featureKey } from "../../projections/online-changes.ts";
import type { RebuildContext } from "./context.ts";
import { progressMeter, type RebuildResult } from "./progress.ts";

const batchRecords = 8_192;
/** Written at once: few enough that other writers of the store are not kept waiting. */
const batchEntries = 2_000;

/**
 * Writes the state of every entity again from the changelogs, whatever the store holds at that offset. The running
 * projector is held, readers are not: each key goes in one step from what it was to the newest state in the log.
 * Partition by partition, in two passes: which record of a key is the newest, then those records alone.
 */
export const rebuildOnlineFeatures = async (name: string, context: RebuildContext): Promise<RebuildResult> => {
  const { signal, engines } = context;
  const { broker, onlineStore } = engines;
  const meter = progressMeter(context.onProgress);
  await context.hold();
  const partitions = await changelogs(broker);
  let left = partitions.reduce((sum, { low, high }) => sum + 2 * (high - low), 0);
  const took = (records: number): void => {
    left = Math.max(0, left - records);
    meter.took(records, left);
  };
  for (const partition of partitions) {
    const newest = new Map<string, number>();
    await eachBatch(broker, partition, signal, (batch) => {
      for (let i = 0; i < batch.count; i++) {
        const { bytes, keyStart, keyEnd, offsets } = batch;
        if (!isStateKey(bytes, keyStart[i], keyEnd[i])) continue;
        newest.set(bytes.toString("latin1", keyStart[i], keyEnd[i]), offsets[i]);
      }
      took(batch.count);
    });
    const project = partition.topic.slice(0, partition.topic.indexOf("."));
    await eachBatch(broker, partition, signal, async (batch) => {
      await writeNewest(onlineStore, project, batch, newest);
      took(batch.count);
    });
  }
  return meter.result(name);
};

const changelogs = async (broker: Broker): Promise<(TopicPartition & { low: number; high: number })[]> => {
  const found: (TopicPartition & { low: number; high: number })[] = [];
  for (const { topic } of await broker.topics()) {
    if (!topic.endsWith(".changelog")) continue;
    const marks = await broker.watermarks(topic);
    found.push(...marks.map((each, partition) => ({ topic, partition, ...each })));
  }
  return found;
};

/** What there is of a partition up to the end that was seen. */
const eachBatch = async (
  broker: Broker,
  { topic, partition, high }: TopicPartition & { high: number },
  signal: AbortSignal,
  visit: (batch: RecordBatch) => Promise<void> | void,
): Promise<void> => {
  const from = new Map([[partitionKey(topic, partition), 0]]);
  const reader = broker.reader({ partitions: [{ topic, partition }], from, maxRecords: batchRecords });
  try {
    while (!signal.aborted) {
      const batch = await reader.poll(topic, partition);
      if (batch === null || batch.count === 0) return;
      await visit(batch);
      if (batch.offsets[batch.count - 1] >= high - 1) return;
    }
  } finally {
    await reader.close();
  }
};

/** A state that equals the stored one in its offset is written all the same: the old entry goes in the same write. */
const writeNewest = async (
  onlineStore: OnlineStore,
  project: string,
  batch: RecordBatch,
  newest: ReadonlyMap<string, number>,
): Promise<void> => {
  const { bytes, keyStart, keyEnd, valueStart, valueEnd, offsets } = batch;
  let entries: Entry[] = [];
  for (let i = 0; i < batch.count; i++) {
    const state = parseStateKey(bytes, keyStart[i], keyEnd[i]);
    if (state === null || newest.get(bytes.toString("latin1", keyStart[i], keyEnd[i])) !== offsets[i]) continue;
    const key = featureKey(project, state.view, state.version, state.entity);
    const value = valueStart[i] < 0 ? null : bytes.subarray(valueStart[i], valueEnd[i]);
    entries.push({ key, value: null }, { key, value, offset: offsets[i] });
    if (entries.length < batchEntries) continue;
    await onlineStore.setMany(entries);
    entries = [];
  }
  if (entries.length > 0) await onlineStore.setMany(entries);
};
