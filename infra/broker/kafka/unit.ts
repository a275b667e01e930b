import type { Headers, Offsets } from "../port.ts";
import { type BatchEncoder, batchEncoder } from "./batch-encoder.ts";

/** What a unit writes to one partition: record batches, the last of which is still growing. */
export type Part = { topic: string; partition: number; count: number; batches: BatchEncoder[] };

/** Records and offsets that become visible together, encoded as they are added. */
export type Unit = {
  /** Bytes so far. */
  readonly size: number;
  readonly empty: boolean;
  /** Answers the record's place among those of its partition. A batch is closed at `sealBytes`. */
  add(
    topic: string,
    partition: number,
    sealBytes: number,
    key: Buffer | string | null,
    value: Buffer | null,
    timestamp: number,
    headers?: Headers,
  ): number;
  addOffsets(group: string, offsets: Offsets): void;
  parts(): Part[];
  offsets(): ReadonlyMap<string, Offsets>;
  /** Gives the memory back; the unit is not used any more. */
  release(): void;
};

/** Encoders for the next unit: their memory is warm. */
const spare: BatchEncoder[] = [];
const SPARE = 64;

const encoder = (): BatchEncoder => spare.pop() ?? batchEncoder();

export const emptyUnit = (): Unit => {
  const topics = new Map<string, Part[]>();
  const groups = new Map<string, Offsets>();
  const order: Part[] = [];
  let size = 0;

  const partOf = (topic: string, partition: number): Part => {
    let parts = topics.get(topic);
    if (parts === undefined) {
      parts = [];
      topics.set(topic, parts);
    }
    let part = parts[partition];
    if (part === undefined) {
      part = { topic, partition, count: 0, batches: [encoder()] };
      parts[partition] = part;
      order.push(part);
    }
    return part;
  };

  return {
    get size() {
      return size;
    },
    get empty() {
      return order.length === 0 && groups.size === 0;
    },
    add(topic, partition, sealBytes, key, value, timestamp, headers) {
      const part = partOf(topic, partition);
      const { batches } = part;
      let batch = batches[batches.length - 1];
      const bytes = (key === null ? 0 : key.length) + (value === null ? 0 : value.length);
      if (batch.count > 0 && batch.size + bytes + 64 > sealBytes) {
        batch = encoder();
        batches.push(batch);
      }
      const before = batch.size;
      batch.add(key, value, timestamp, headers);
      size += batch.size - before;
      return part.count++;
    },
    addOffsets(group, offsets) {
      groups.set(group, [...(groups.get(group) ?? []), ...offsets]);
    },
    parts: () => [...order].sort((a, b) => compare(a.topic, b.topic) || a.partition - b.partition),
    offsets: () => groups,
    release() {
      for (const { batches } of order) {
        for (const batch of batches) {
          batch.reset();
          if (spare.length < SPARE) spare.push(batch);
        }
      }
      order.length = 0;
      topics.clear();
      groups.clear();
    },
  };
};

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
