import type { DatabaseSync } from "node:sqlite";
import { setImmediate as turn } from "node:timers/promises";
import type { Clock } from "../clock.ts";
import { transactWhenFree } from "../sqlite/database.ts";
import { PARTS_PER_TOPIC, partOf, type Topic } from "./sqlite-catalog.ts";
import { sqliteCompactor } from "./sqlite-compaction.ts";
import { type LogRow, sqliteLog } from "./sqlite-log.ts";

/**
 * What a log needs besides writing: retention, compaction, clearing away deleted topics. It runs on the thread that
 * wrote, a while after the write, in short transactions. A failure is a warning of the process and tried again
 * after the next write: it costs room, never records.
 */
export type Maintenance = {
  written(topic: Topic, partition: number, bytes: number): void;
  /** A topic was deleted. */
  dropped(): void;
  close(): Promise<void>;
};

export type MaintenanceOptions = {
  /** How long after a write, milliseconds. */
  delayMs: number;
  /** A partition is compacted when it has grown by this many bytes, and by as many as were live after the last pass. */
  minDirtyBytes: number;
};

/** Bytes and rows that one transaction deletes: freeing a large blob reads each of its pages. */
const STEP_BYTES = 16 << 20;
const STEP_ROWS = 256;

export const sqliteMaintenance = (
  writer: DatabaseSync,
  reader: DatabaseSync,
  clock: Clock,
  options: MaintenanceOptions,
): Maintenance => {
  const log = sqliteLog(reader);
  const compactor = sqliteCompactor(writer, reader, clock);
  const newestQuery = reader.prepare("SELECT max(aged_at) AS newest FROM broker_log WHERE part = ? AND last >= ?");
  const droppedQuery = reader.prepare("SELECT topic FROM broker_dropped LIMIT 1");
  const orphanQuery = reader.prepare("SELECT id, size FROM broker_log WHERE part >= ? AND part < ? LIMIT ?");
  const remove = writer.prepare("DELETE FROM broker_log WHERE id = ? AND part = ?");
  const removeOrphan = writer.prepare("DELETE FROM broker_log WHERE id = ? AND part >= ? AND part < ?");
  const forgetCompaction = writer.prepare("DELETE FROM broker_compacted WHERE part >= ? AND part < ?");
  const forgetDropped = writer.prepare("DELETE FROM broker_dropped WHERE topic = ?");

  const due = new Map<number, Topic>();
  /** Newest event time by partition and the offset up to which it was looked for. */
  const newest = new Map<number, { time: number; until: number }>();
  /** Bytes that this connection may write to a compacted partition before its dirty bytes are worth adding up again. */
  const slack = new Map<number, number>();
  let timer: NodeJS.Timeout | null = null;
  let running: Promise<void> | null = null;
  let closed = false;
  let sweepDue = droppedQuery.get() !== undefined;

  const newestTime = (part: number): number => {
    const known = newest.get(part) ?? { time: Number.NEGATIVE_INFINITY, until: 0 };
    const until = log.next(part);
    const found = newestQuery.get(part, known.until)?.newest as number | null;
    const time = Math.max(known.time, found ?? Number.NEGATIVE_INFINITY);
    newest.set(part, { time, until });
    return time;
  };

  /** Deletes from the start what is older than the horizon; true when there may be more. */
  const retain = async (part: number, retentionMs: number): Promise<boolean> => {
    const horizon = newestTime(part) - retentionMs;
    const rows = log.rows(part, 0, STEP_ROWS);
    const expired = withinStep(rows.slice(0, -1), (row) => row.agedAt < horizon);
    if (expired.length === 0) return false;
    await transactWhenFree(writer, () => {
      for (const row of expired) remove.run(row.id, part);
    });
    return true;
  };

  const compactIfDirty = async (part: number): Promise<void> => {
    if ((slack.get(part) ?? 0) > 0) return;
    const { dirty, live } = compactor.state(part);
    const left = Math.max(options.minDirtyBytes, live) - dirty;
    if (left >= 0) slack.set(part, left);
    else await compactor.compact(part, () => closed);
  };

  /** Clears away some of a deleted topic; false when there is none left. */
  const sweep = async (): Promise<boolean> => {
    const topic = droppedQuery.get()?.topic as number | undefined;
    if (topic === undefined) return false;
    const from = topic * PARTS_PER_TOPIC;
    const to = from + PARTS_PER_TOPIC;
    const rows = orphanQuery.all(from, to, STEP_ROWS) as unknown as LogRow[];
    await transactWhenFree(writer, () => {
      for (const row of withinStep(rows, () => true)) removeOrphan.run(row.id, from, to);
      if (rows.length > 0) return;
      forgetCompaction.run(from, to);
      forgetDropped.run(topic);
    });
    return true;
  };

  const pass = async (): Promise<void> => {
    const parts = [...due];
    due.clear();
    for (const [part, topic] of parts) {
      const { cleanup, retentionMs } = topic.config;
      if (cleanup === "compact") await compactIfDirty(part);
      else if (retentionMs !== undefined) {
        while (!closed && (await retain(part, retentionMs))) await turn();
      }
      if (closed) return;
    }
    while (!closed && sweepDue) {
      sweepDue = await sweep();
      await turn();
    }
  };

  const start = (): void => {
    timer = null;
    if (running !== null || closed) return;
    running = pass()
      .catch((error: unknown) => {
        if (!closed) process.emitWarning(`the broker's clean-up failed and will be tried again: ${String(error)}`);
      })
      .finally(() => {
        running = null;
        if (due.size > 0) schedule();
      });
  };

  const schedule = (): void => {
    if (timer !== null || running !== null || closed) return;
    timer = setTimeout(start, options.delayMs);
    timer.unref();
  };

  if (sweepDue) schedule();

  return {
    written(topic, partition, bytes) {
      const { cleanup, retentionMs } = topic.config;
      if (cleanup !== "compact" && retentionMs === undefined) return;
      const part = partOf(topic, partition);
      const left = slack.get(part);
      if (left !== undefined) slack.set(part, left - bytes);
      due.set(part, topic);
      schedule();
    },
    dropped() {
      sweepDue = true;
      schedule();
    },
    async close() {
      closed = true;
      if (timer !== null) clearTimeout(timer);
      await running;
    },
  };
};

/** The leading rows for which `wanted` holds, as many as one transaction should delete. */
const withinStep = (rows: readonly LogRow[], wanted: (row: LogRow) => boolean): LogRow[] => {
  const step: LogRow[] = [];
  let bytes = 0;
  for (const row of rows) {
    if (!wanted(row)) break;
    bytes += row.size;
    if (step.length > 0 && bytes > STEP_BYTES) break;
    step.push(row);
  }
  return step;
};
