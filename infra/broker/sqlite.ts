import { MillraceError } from "../../schemas/errors.ts";
import { type Clock, systemClock } from "../clock.ts";
import { openSqlite, transactWhenFree } from "../sqlite/database.ts";
import { mapSqliteError } from "../sqlite/errors.ts";
import { changeSignal } from "../sqlite/signal.ts";
import { checkRecord } from "./check-record.ts";
import { type Broker, partitionOf, type Reader, type Transaction } from "./port.ts";
import {
  brokerTables,
  checkConfig,
  configText,
  partOf,
  sqliteCatalog,
  sqliteTopicChanges,
  type Topic,
} from "./sqlite-catalog.ts";
import { epochBeginner, epochForgetter, epochTables, sqliteEpochs } from "./sqlite-epochs.ts";
import { sqliteLog } from "./sqlite-log.ts";
import { sqliteMaintenance } from "./sqlite-maintenance.ts";
import { sqliteReader } from "./sqlite-reader.ts";
import { type Holder, sqliteWriter, type WriteUnit, type Written } from "./sqlite-writer.ts";
import { staticMembership } from "./static-membership.ts";

export type SqliteBrokerOptions = {
  /** Stamps when a batch was written. */
  clock?: Clock;
  /** How long after a write the log is cleaned, milliseconds; 500 without it. */
  cleanDelayMs?: number;
  /** Least growth of a partition that makes its compaction worth while, bytes; 16 MB without it. */
  minDirtyBytes?: number;
  /** STORAGE_FULL beyond so many bytes of the file; without it when the disk is full. */
  maxBytes?: number;
};

const create = brokerTables + epochTables;

/** A unit of concurrent `produce` calls is closed beyond this. */
const SHARED_UNIT_BYTES = 8 << 20;

/**
 * The broker in a SQLite file: record batches as blobs, like Kafka's own log. Any number of threads of the process may
 * open the same file. Commits survive the death of the process; a power cut may take the newest of them, in order.
 */
export const sqliteBroker = (path: string, options: SqliteBrokerOptions = {}): Broker => {
  const { clock = systemClock, maxBytes } = options;
  const writerDb = openSqlite(path, { synchronous: "NORMAL", create, busyTimeoutMs: 0, maxBytes });
  const readerDb = openSqlite(path, { synchronous: "NORMAL", create });
  const change = changeSignal(path, "broker", readerDb);
  const catalog = sqliteCatalog(readerDb);
  const topicChanges = sqliteTopicChanges(writerDb, catalog);
  const log = sqliteLog(readerDb);
  const epochs = sqliteEpochs(readerDb);
  const forgetEpochs = epochForgetter(writerDb);
  const maintenance = sqliteMaintenance(writerDb, readerDb, clock, {
    delayMs: options.cleanDelayMs ?? 500,
    minDirtyBytes: options.minDirtyBytes ?? 16 << 20,
  });
  const beginEpoch = epochBeginner(writerDb, catalog.all);
  const onCommit = (writes: readonly { topic: Topic; partition: number; bytes: number }[]): void => {
    change.notify();
    for (const { topic, partition, bytes } of writes) maintenance.written(topic, partition, bytes);
  };
  const writer = sqliteWriter(writerDb, catalog, clock, { beginEpoch, onCommit });
  const committedQuery = readerDb.prepare(
    `SELECT t.name AS topic, o.partition AS partition, o.next AS offset
     FROM broker_offsets o JOIN broker_topics t ON t.id = o.topic
     WHERE o.consumer = ? ORDER BY t.name, o.partition`,
  );
  const openWriter = writerDb.prepare(
    "INSERT INTO broker_writers VALUES (?, 1) ON CONFLICT DO UPDATE SET epoch = epoch + 1 RETURNING epoch",
  );
  const readers = new Set<Reader>();
  const shared = new Map<number, { unit: WriteUnit; written: Promise<Written[]> }>();
  let roundRobin = 0;
  let closed = false;

  const opened = (): void => {
    if (closed) throw new MillraceError("CLOSED", "the broker is closed");
  };

  /** The unit that this turn's `produce` calls to the topic share. */
  const sharedUnit = (topic: Topic): { unit: WriteUnit; written: Promise<Written[]> } => {
    const current = shared.get(topic.id);
    if (current !== undefined && !current.unit.sealed && current.unit.size < SHARED_UNIT_BYTES) return current;
    const unit = writer.unit();
    const next = { unit, written: writer.write(unit) };
    shared.set(topic.id, next);
    return next;
  };

  const transaction = (holder?: Holder): Transaction => {
    opened();
    const unit = writer.unit(holder);
    const topics = new Map<string, Topic>();
    let failed: unknown = null;
    return {
      add(name, partition, key, value, timestamp, headers) {
        if (unit.sealed) throw new MillraceError("ILLEGAL_STATE", "the transaction has ended: begin another");
        let topic = topics.get(name);
        if (topic === undefined) {
          try {
            topic = catalog.get(name);
          } catch (error) {
            failed ??= mapSqliteError(error);
            throw failed;
          }
          topics.set(name, topic);
        }
        checkRecord(topic, key, value, timestamp, -1);
        unit.add(topic, partition, key, value, timestamp, headers);
      },
      offsets(group, offsets) {
        if (unit.sealed) throw new MillraceError("ILLEGAL_STATE", "the transaction has ended: begin another");
        unit.addOffsets(group, offsets);
      },
      async commit() {
        if (unit.sealed) throw new MillraceError("ILLEGAL_STATE", "the transaction has ended: begin another");
        unit.sealed = true;
        if (failed !== null) {
          writer.drop(unit);
          throw failed;
        }
        opened();
        return writer.write(unit);
      },
      abort() {
        if (!unit.sealed) writer.drop(unit);
      },
    };
  };

  return {
    async ensureTopic(name, config) {
      opened();
      checkConfig(name, config);
      const existing = catalog.find(name);
      if (existing !== undefined && configText(existing.config) === configText(config)) return;
      await transactWhenFree(writerDb, () => topicChanges.ensure(name, config));
      change.notify();
    },
    async topic(name) {
      opened();
      return catalog.find(name)?.config ?? null;
    },
    async topics() {
      opened();
      return catalog.all().map(({ name, config }) => ({ topic: name, config }));
    },
    async deleteTopic(name) {
      opened();
      await transactWhenFree(writerDb, () => forgetEpochs(topicChanges.delete(name)));
      change.notify();
      maintenance.dropped();
    },
    async produce(name, records) {
      opened();
      const topic = catalog.get(name);
      if (records.length === 0) return [];
      const fallback = roundRobin++ % topic.config.partitions;
      records.forEach(({ key, value, timestamp, partition }, i) => {
        checkRecord(topic, key, value, timestamp, i);
        if (partition !== undefined) partOf(topic, partition);
      });
      const { unit, written } = sharedUnit(topic);
      const partitions = new Int32Array(records.length);
      const places = new Float64Array(records.length);
      for (let i = 0; i < records.length; i++) {
        const { key, value, timestamp, headers, partition } = records[i];
        const bytes = typeof key === "string" ? Buffer.from(key) : key;
        const to = partition ?? (bytes === null ? fallback : partitionOf(bytes, topic.config.partitions));
        partitions[i] = to;
        places[i] = unit.add(topic, to, bytes, value, timestamp, headers);
      }
      const firstOffsets: number[] = [];
      for (const { partition, firstOffset } of await written) firstOffsets[partition] = firstOffset;
      return records.map((_, i) => ({
        partition: partitions[i],
        offset: firstOffsets[partitions[i]] + places[i],
      }));
    },
    transaction: () => transaction(),
    async writer(id) {
      opened();
      const epoch = await transactWhenFree(writerDb, () => (openWriter.get(id) as { epoch: number }).epoch);
      return { transaction: () => transaction({ id, epoch }), close: async () => {} };
    },
    commitMarkers: 0,
    join: async (_group, place) => staticMembership(place),
    reader(consume) {
      opened();
      const reader: Reader = sqliteReader(log, catalog, change, consume, () => readers.delete(reader));
      readers.add(reader);
      return reader;
    },
    async committed(group) {
      opened();
      return (committedQuery.all(group) as { topic: string; partition: number; offset: number }[]).map((row) => ({
        ...row,
      }));
    },
    async commitOffsets(group, offsets) {
      opened();
      const unit = writer.unit();
      unit.addOffsets(group, offsets);
      await writer.write(unit);
    },
    async watermarks(name) {
      opened();
      const topic = catalog.get(name);
      return Array.from({ length: topic.config.partitions }, (_, partition) => {
        const part = partOf(topic, partition);
        return { low: log.low(part), high: log.next(part) };
      });
    },
    async marks(name) {
      opened();
      return epochs.marks(catalog.get(name));
    },
    async agreed({ topic, partition }, marks, next) {
      opened();
      return epochs.agreed(catalog.get(topic), partition, marks, next);
    },
    async close() {
      if (closed) return;
      closed = true;
      await writer.drained();
      await maintenance.close();
      for (const reader of [...readers]) await reader.close();
      change.close();
      writerDb.close();
      readerDb.close();
    },
  };
};
