import { checkRecord } from "../check-record.ts";
import { type OutputRecord, partitionOf } from "../port.ts";
import type { Written } from "./append.ts";
import { type KafkaTopic, noPartition } from "./topics.ts";
import { emptyUnit, type Part, type Unit } from "./unit.ts";

export type Place = { partition: number; offset: number };

export type ProduceQueue = {
  produce(topic: KafkaTopic, records: readonly OutputRecord[]): Promise<Place[]>;
  /** Resolves when all that was given is written or has failed. */
  drained(): Promise<void>;
};

export type ProduceWrites = {
  /** One batch of one partition. */
  plain(part: Part): Promise<Written>;
  /** All or none of several. */
  together(unit: Unit): Promise<Written[]>;
};

type Call = {
  topic: KafkaTopic;
  records: readonly OutputRecord[];
  fallback: number;
  resolve(places: Place[]): void;
  reject(error: unknown): void;
};

/** A unit of concurrent calls is closed beyond this. */
const UNIT_BYTES = 8 << 20;

/** Concurrent calls to a topic share a unit; what comes while one is being written is the next. */
export const produceQueue = ({ plain, together }: ProduceWrites): ProduceQueue => {
  const waiting: Call[] = [];
  let running: Promise<void> | null = null;
  let roundRobin = 0;

  const next = (): { calls: Call[]; unit: Unit; places: { partitions: Int32Array; indexes: Int32Array }[] } => {
    const unit = emptyUnit();
    const calls: Call[] = [];
    const places = [];
    const { topic } = waiting[0];
    while (waiting.length > 0 && waiting[0].topic.name === topic.name && (unit.empty || unit.size < UNIT_BYTES)) {
      const call = waiting.shift() as Call;
      calls.push(call);
      places.push(encode(unit, call));
    }
    return { calls, unit, places };
  };

  const writeNext = async (): Promise<void> => {
    const { calls, unit, places } = next();
    try {
      const parts = unit.parts();
      const single = parts.length === 1 && parts[0].batches.length === 1;
      const written = single ? [await plain(parts[0])] : await together(unit);
      const first: number[] = [];
      for (const { partition, firstOffset } of written) first[partition] = firstOffset;
      calls.forEach((call, c) => {
        const { partitions, indexes } = places[c];
        call.resolve(Array.from(partitions, (partition, i) => ({ partition, offset: first[partition] + indexes[i] })));
      });
    } catch (error) {
      for (const call of calls) call.reject(error);
    } finally {
      unit.release();
    }
  };

  const run = async (): Promise<void> => {
    // The calls of this turn of the loop go together.
    await new Promise(setImmediate);
    while (waiting.length > 0) await writeNext();
    running = null;
  };

  return {
    async produce(topic, records) {
      records.forEach((record, i) => {
        checkRecord(topic, record.key, record.value, record.timestamp, i);
        const { partition } = record;
        const { partitions } = topic.config;
        if (partition !== undefined && !(Number.isInteger(partition) && partition >= 0 && partition < partitions)) {
          throw noPartition(topic.name, partition, partitions);
        }
      });
      if (records.length === 0) return [];
      return new Promise((resolve, reject) => {
        waiting.push({ topic, records, fallback: roundRobin++ % topic.config.partitions, resolve, reject });
        running ??= run();
      });
    },
    async drained() {
      await running;
    },
  };
};

const encode = (unit: Unit, { topic, records, fallback }: Call): { partitions: Int32Array; indexes: Int32Array } => {
  const partitions = new Int32Array(records.length);
  const indexes = new Int32Array(records.length);
  for (let i = 0; i < records.length; i++) {
    const { key, value, timestamp, headers, partition } = records[i];
    const bytes = typeof key === "string" ? Buffer.from(key) : key;
    const to = partition ?? (bytes === null ? fallback : partitionOf(bytes, topic.config.partitions));
    partitions[i] = to;
    indexes[i] = unit.add(topic.name, to, topic.sealBytes, bytes, value, timestamp, headers);
  }
  return { partitions, indexes };
};
