import { setTimeout as sleep } from "node:timers/promises";
import type { Broker, Reader, RecordBatch, TopicPartition } from "../../infra/broker/port.ts";
import { partitionKey } from "../../infra/broker/port.ts";
import type { Warehouse } from "../../infra/warehouse/open.ts";
import type { OnCut } from "../places/cut.ts";
import type { Rows } from "./rows.ts";
import { sinkPlaces } from "./sink-places.ts";
import type { Sink, SinkAssignment } from "./sinks/sink.ts";

/** Pulls the records of one sink's topics, from where the table ends. */
export type Source = {
  /**
   * Takes up topics that are new and drops those that are gone. A topic that does not exist yet is tried again later.
   * Where the table has rows that the topic's log does not hold, they are deleted first.
   */
  assign(assignments: readonly SinkAssignment[]): Promise<void>;
  /** Before the rows are inserted: what tells the logs that they are of from others. LOG_CHANGED: drop them. */
  keep(rows: Rows): Promise<string>;
  /** Forgets all that is known of the topics: the next \`assign\` begins with what the table has. */
  forget(): Promise<void>;
  /** Adds what there is to the rows, at most about `most` records in all; false when there was nothing. */
  fill(rows: Rows, most: number): Promise<boolean>;
  wait(milliseconds: number, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
};

const mostRecordsAPoll = 16_384;
const mostBytesAPoll = 8 << 20;

export type SourceOptions = {
  onCut?: OnCut;
  /** Resolves when what was read is in the table or given up. */
  settled?: () => Promise<void>;
};

export const sourceOf = (
  broker: Broker,
  warehouse: Warehouse,
  sink: Sink,
  { onCut = () => {}, settled = async () => {} }: SourceOptions = {},
): Source => {
  const places = sinkPlaces(broker, warehouse, sink, onCut);
  const next = new Map<string, number>();
  /** How many partitions the topics have that exist; forgotten when one could not be read. */
  const counts = new Map<string, number>();
  let taken = new Map<string, SinkAssignment>();
  let partitions: TopicPartition[] = [];
  let turn = 0;
  let reader: Reader | null = null;

  const poll = async (from: Reader, topic: string, partition: number): Promise<RecordBatch | null> => {
    try {
      return await from.poll(topic, partition);
    } catch (error) {
      counts.clear();
      throw error;
    }
  };

  /** Should a topic of this name come again, it is another. */
  const forgetTopic = (gone: string): void => {
    for (const { topic, partition } of partitions) if (topic === gone) next.delete(partitionKey(topic, partition));
  };

  return {
    async assign(assignments) {
      const wanted = new Map<string, SinkAssignment>();
      const present: TopicPartition[] = [];
      for (const assignment of assignments) {
        if (assignment.kind !== sink.kind) continue;
        const { topic } = assignment;
        const count = counts.get(topic) ?? (await broker.topic(topic))?.partitions;
        if (count === undefined) {
          forgetTopic(topic);
          continue;
        }
        counts.set(topic, count);
        wanted.set(topic, assignment);
        for (let partition = 0; partition < count; partition++) present.push({ topic, partition });
      }
      const fresh = [...wanted.keys()].filter((topic) => !taken.has(topic));
      if (fresh.length === 0 && wanted.size === taken.size) return;
      if (fresh.length > 0) {
        await settled();
        const found = await places.resume(new Map(fresh.map((topic) => [topic, counts.get(topic) as number])));
        // What was read already of a topic that was left out for a while may still be on its way.
        for (const [key, offset] of found) next.set(key, Math.max(offset, next.get(key) ?? 0));
      }
      await reader?.close();
      reader = null;
      taken = wanted;
      partitions = present;
      if (present.length === 0) return;
      reader = broker.reader({
        partitions,
        from: new Map(partitions.flatMap(({ topic, partition }) => offsetOf(partitionKey(topic, partition)))),
        maxRecords: mostRecordsAPoll,
        maxBytes: mostBytesAPoll,
      });
    },
    async fill(rows, most) {
      if (reader === null) return false;
      let idle = 0;
      let took = false;
      // In turns, so that a busy partition leaves room for the others.
      while (idle < partitions.length && rows.records < most) {
        const { topic, partition } = partitions[turn++ % partitions.length];
        const batch = await poll(reader, topic, partition);
        if (batch === null || batch.count === 0) {
          idle++;
          continue;
        }
        idle = 0;
        took = true;
        rows.add(batch, taken.get(topic) as SinkAssignment);
        next.set(partitionKey(topic, partition), batch.offsets[batch.count - 1] + 1);
      }
      return took;
    },
    keep: (rows) => places.keep(rows.ranges),
    async forget() {
      next.clear();
      counts.clear();
      taken = new Map();
      partitions = [];
      await reader?.close();
      reader = null;
    },
    async wait(milliseconds, signal) {
      if (reader !== null) await reader.wait(milliseconds, signal);
      else await sleep(milliseconds, undefined, { signal }).catch(() => undefined);
    },
    async close() {
      await reader?.close();
    },
  };

  function offsetOf(key: string): [string, number][] {
    const offset = next.get(key);
    return offset === undefined ? [] : [[key, offset]];
  }
};
