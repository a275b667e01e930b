import type { DatabaseSync } from "node:sqlite";
import { setImmediate as turn } from "node:timers/promises";
import { MillraceError } from "../../schemas/errors.ts";
import type { Clock } from "../clock.ts";
import { transactWhenFree } from "../sqlite/database.ts";
import { columnBytes } from "./batch.ts";
import { type BatchBuilder, batchBuilder, SEAL_BYTES, SEAL_RECORDS } from "./batch-builder.ts";
import type { Headers, Offsets } from "./port.ts";
import { type Catalog, partOf, type Topic, unknownTopic } from "./sqlite-catalog.ts";
import { sqliteLog } from "./sqlite-log.ts";

export type Written = { topic: string; partition: number; firstOffset: number; count: number };

type PartitionWrites = { topic: Topic; partition: number; builders: BatchBuilder[]; count: number };

/** One opening of a writer's id. */
export type Holder = { id: string; epoch: number };

/** What becomes visible at once: records by partition, and offsets of consumers. */
export type WriteUnit = {
  readonly partitions: PartitionWrites[];
  readonly offsets: { group: string; topic: string; partition: number; next: number }[];
  /** Bytes of keys and values. */
  readonly size: number;
  /** Written only while its writer's id has no later holder. */
  readonly holder: Holder | null;
  /** The writer has taken it: nothing may be added any more. */
  sealed: boolean;
  /** Copies one record; answers its place among the unit's records of that partition. */
  add(
    topic: Topic,
    partition: number,
    key: Buffer | string | null,
    value: Buffer | null,
    timestamp: number,
    headers?: Headers,
  ): number;
  addOffsets(group: string, offsets: Offsets): void;
};

export type Writer = {
  unit(holder?: Holder): WriteUnit;
  /** Units handed over in one turn of the event loop share one SQLite transaction. STORAGE_FULL writes none of them. */
  write(unit: WriteUnit): Promise<Written[]>;
  /** Gives the unit's memory back without writing it. */
  drop(unit: WriteUnit): void;
  /** Resolves when everything handed over so far is written. */
  drained(): Promise<void>;
};

/** Most bytes that one SQLite transaction takes from several units. */
const GROUP_BYTES = 32 << 20;

/** Builders kept for the next units. */
const POOL = 64;

type Job = { unit: WriteUnit; resolve(written: Written[]): void; reject(error: unknown): void };

export const sqliteWriter = (
  db: DatabaseSync,
  catalog: Catalog,
  clock: Clock,
  {
    beginEpoch,
    onCommit,
  }: {
    /** Inside the first transaction. */
    beginEpoch: () => void;
    onCommit: (writes: readonly { topic: Topic; partition: number; bytes: number }[]) => void;
  },
): Writer => {
  const log = sqliteLog(db);
  const setOffset = db.prepare(
    `INSERT INTO broker_offsets (consumer, topic, partition, next) VALUES (?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET next = excluded.next`,
  );
  const newestEpoch = db.prepare("SELECT epoch FROM broker_writers WHERE id = ?");
  const pool: BatchBuilder[] = [];
  let queue: Job[] = [];
  let running: Promise<void> | null = null;
  let epochBegun = false;

  const writeUnit = (unit: WriteUnit): Written[] | MillraceError => {
    if (unit.holder !== null) {
      const { id, epoch } = unit.holder;
      if ((newestEpoch.get(id) as { epoch: number }).epoch !== epoch) return fenced(id);
    }
    for (const { topic } of unit.partitions) {
      if (catalog.find(topic.name)?.id !== topic.id) return unknownTopic(topic.name);
    }
    const offsets: [string, number, number, number][] = [];
    for (const { group, topic, partition, next } of unit.offsets) {
      const known = catalog.find(topic);
      if (known === undefined) return unknownTopic(topic);
      offsets.push([group, known.id, partition, next]);
    }
    const appendedAt = clock();
    const written: Written[] = [];
    for (const { topic, partition, builders, count } of unit.partitions) {
      const part = partOf(topic, partition);
      const firstOffset = log.next(part);
      let base = firstOffset;
      for (const builder of builders) {
        const last = base + builder.count - 1;
        const { minTimestamp, maxTimestamp } = builder;
        const bytes = builder.encode();
        log.insert(part, { base, last, count: builder.count, minTimestamp, maxTimestamp, bytes }, appendedAt);
        base = last + 1;
      }
      written.push({ topic: topic.name, partition, firstOffset, count });
    }
    for (const offset of offsets) setOffset.run(...offset);
    return written;
  };

  const take = (): Job[] => {
    let bytes = 0;
    let count = 0;
    while (count < queue.length && (count === 0 || bytes + queue[count].unit.size <= GROUP_BYTES)) {
      bytes += queue[count].unit.size;
      queue[count].unit.sealed = true;
      count++;
    }
    const jobs = queue.slice(0, count);
    queue = queue.slice(count);
    return jobs;
  };

  const release = (unit: WriteUnit): void => {
    unit.sealed = true;
    for (const { builders } of unit.partitions) {
      for (const builder of builders) {
        builder.reset();
        if (pool.length < POOL) pool.push(builder);
      }
    }
    unit.partitions.length = 0;
  };

  const commit = async (jobs: Job[]): Promise<void> => {
    try {
      const results = await transactWhenFree(db, () => {
        if (!epochBegun) beginEpoch();
        return jobs.map((job) => writeUnit(job.unit));
      });
      epochBegun = true;
      const writes: { topic: Topic; partition: number; bytes: number }[] = [];
      results.forEach((result, i) => {
        if (result instanceof MillraceError) return;
        for (const { topic, partition, builders } of jobs[i].unit.partitions) {
          let bytes = 0;
          for (const builder of builders) bytes += builder.size + columnBytes(builder.count);
          writes.push({ topic, partition, bytes });
        }
      });
      onCommit(writes);
      results.forEach((result, i) => {
        if (result instanceof MillraceError) jobs[i].reject(result);
        else jobs[i].resolve(result);
      });
    } catch (error) {
      for (const job of jobs) job.reject(error);
    } finally {
      for (const job of jobs) release(job.unit);
    }
  };

  const run = async (): Promise<void> => {
    while (queue.length > 0) {
      await turn();
      await commit(take());
    }
    running = null;
  };

  return {
    unit: (holder) => writeUnitBuffer(holder ?? null, () => pool.pop() ?? batchBuilder()),
    write(unit) {
      return new Promise((resolve, reject) => {
        queue.push({ unit, resolve, reject });
        running ??= run();
      });
    },
    drop: release,
    async drained() {
      await running;
    },
  };
};

const fenced = (id: string): MillraceError =>
  new MillraceError("FENCED", `another process or thread has become the writer "${id}"; nothing was written`, {
    details: { writer: id },
  });

const writeUnitBuffer = (holder: Holder | null, builder: () => BatchBuilder): WriteUnit => {
  const partitions: PartitionWrites[] = [];
  const offsets: WriteUnit["offsets"] = [];
  const byTopic = new Map<number, (PartitionWrites | undefined)[]>();
  let size = 0;
  let lastTopic = -1;
  let lastWrites: (PartitionWrites | undefined)[] = [];

  const open = (topic: Topic, partition: number): PartitionWrites => {
    partOf(topic, partition);
    const writes: PartitionWrites = { topic, partition, builders: [builder()], count: 0 };
    partitions.push(writes);
    lastWrites[partition] = writes;
    return writes;
  };

  return {
    holder,
    partitions,
    offsets,
    get size() {
      return size;
    },
    sealed: false,
    add(topic, partition, key, value, timestamp, headers) {
      if (topic.id !== lastTopic) {
        lastTopic = topic.id;
        lastWrites = byTopic.get(topic.id) ?? [];
        byTopic.set(topic.id, lastWrites);
      }
      const writes = lastWrites[partition] ?? open(topic, partition);
      let last = writes.builders[writes.builders.length - 1];
      if (last.count >= SEAL_RECORDS || last.size >= SEAL_BYTES) {
        last = builder();
        writes.builders.push(last);
      }
      const before = last.size;
      last.add(key, value, timestamp, headers);
      size += last.size - before;
      return writes.count++;
    },
    addOffsets(group, next) {
      for (const { topic, partition, offset } of next) offsets.push({ group, topic, partition, next: offset });
    },
  };
};
