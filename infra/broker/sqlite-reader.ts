import { MillraceError } from "../../schemas/errors.ts";
import type { ChangeSignal } from "../sqlite/signal.ts";
import { indexOfOffset, readBatches, sliceBatch } from "./batch.ts";
import { logChanged } from "./log-changed.ts";
import { type ConsumeOptions, partitionKey, type Reader, type RecordBatch } from "./port.ts";
import { type Catalog, partOf } from "./sqlite-catalog.ts";
import type { SqliteLog } from "./sqlite-log.ts";

const DEFAULT_RECORDS = 8192;
const DEFAULT_BYTES = 4 << 20;

type Cursor = {
  topic: string;
  partition: number;
  next: number;
  /** The log that is read, from the first poll on. */
  part: number | null;
  /** What the last read held beyond the limit; a view on the same memory. */
  rest: RecordBatch | null;
};

export const sqliteReader = (
  log: SqliteLog,
  catalog: Catalog,
  change: ChangeSignal,
  options: ConsumeOptions,
  onClose: () => void,
): Reader => {
  const maxRecords = options.maxRecords ?? DEFAULT_RECORDS;
  const maxBytes = options.maxBytes ?? DEFAULT_BYTES;
  const cursors = new Map<string, Cursor>();
  for (const { topic, partition } of options.partitions) {
    const key = partitionKey(topic, partition);
    cursors.set(key, { topic, partition, next: options.from.get(key) ?? 0, part: null, rest: null });
  }
  const waiting = new Set<AbortController>();
  let closed = false;

  const cursorOf = (topic: string, partition: number): Cursor => {
    if (closed) throw new MillraceError("CLOSED", "the reader is closed");
    const cursor = cursors.get(partitionKey(topic, partition));
    if (cursor === undefined) {
      throw new MillraceError("ILLEGAL_STATE", `${partitionKey(topic, partition)} was not assigned to this reader`);
    }
    return cursor;
  };

  const cut = (cursor: Cursor, batch: RecordBatch): RecordBatch => {
    if (batch.count <= maxRecords) return batch;
    cursor.rest = sliceBatch(batch, maxRecords, batch.count);
    return sliceBatch(batch, 0, maxRecords);
  };

  const hasMore = (): boolean => {
    for (const { topic, partition, next, part, rest } of cursors.values()) {
      if (rest !== null) return true;
      const known = catalog.find(topic);
      if (known === undefined) continue;
      const now = partOf(known, partition);
      if (log.hasFrom(now, next)) return true;
      // The next poll tells of another log.
      if (now !== (part ?? now) || next > log.next(now)) return true;
    }
    return false;
  };

  return {
    async poll(topic, partition) {
      const cursor = cursorOf(topic, partition);
      const { rest } = cursor;
      if (rest !== null) {
        cursor.rest = null;
        return cut(cursor, rest);
      }
      const part = partOf(catalog.get(topic), partition);
      cursor.part ??= part;
      if (cursor.part !== part) throw logChanged(topic);
      for (;;) {
        const rows = log.read(part, cursor.next, maxRecords, maxBytes);
        if (rows.length === 0) {
          if (cursor.next > log.next(part)) throw logChanged(topic);
          return null;
        }
        const batch = readBatches(topic, partition, rows);
        const first = indexOfOffset(batch, cursor.next);
        cursor.next = rows[rows.length - 1].last + 1;
        // Compaction may have left nothing at or after the offset.
        if (first < batch.count) return cut(cursor, sliceBatch(batch, first, batch.count));
      }
    },
    async wait(timeoutMs, signal) {
      const deadline = performance.now() + timeoutMs;
      const stop = new AbortController();
      const abort = (): void => stop.abort();
      signal?.addEventListener("abort", abort, { once: true });
      waiting.add(stop);
      try {
        for (;;) {
          const seen = change.version;
          if (closed || signal?.aborted) return false;
          if (hasMore()) return true;
          const left = deadline - performance.now();
          if (left <= 0) return false;
          await change.wait(left, stop.signal, seen);
        }
      } finally {
        waiting.delete(stop);
        signal?.removeEventListener("abort", abort);
      }
    },
    seek(topic, partition, offset) {
      const cursor = cursorOf(topic, partition);
      cursor.next = offset;
      cursor.rest = null;
    },
    async close() {
      closed = true;
      for (const stop of waiting) stop.abort();
      onClose();
    },
  };
};
