import type { DatabaseSync } from "node:sqlite";
import type { StoredBatch } from "./batch.ts";

/** One row of the log without its bytes. Its records lie in `base..last`; compaction may have left holes, or none. */
export type LogRow = { id: number; base: number; last: number; count: number; size: number; agedAt: number };

export type NewRow = {
  base: number;
  last: number;
  count: number;
  minTimestamp: number;
  maxTimestamp: number;
  bytes: Uint8Array;
};

/** The log's statements on one connection. The last row of a partition is never deleted: it holds the next offset. */
export type SqliteLog = {
  /** Next offset of a partition. */
  next(part: number): number;
  /** First offset that is still there; the next offset of an empty partition. */
  low(part: number): number;
  /** Whether there is a row that ends at or after the offset. */
  hasFrom(part: number, offset: number): boolean;
  insert(part: number, row: NewRow, appendedAt: number): void;
  /** Stored batches from the one that holds `from` on, whole; at least one, then as many as stay within both limits. */
  read(part: number, from: number, maxRecords: number, maxBytes: number): (StoredBatch & LogRow)[];
  /** Rows of a partition in order from an offset on, without their bytes. */
  rows(part: number, from: number, limit: number): LogRow[];
};

export const sqliteLog = (db: DatabaseSync): SqliteLog => {
  const newest = db.prepare("SELECT last FROM broker_log WHERE part = ? ORDER BY last DESC LIMIT 1");
  const oldest = db.prepare("SELECT base FROM broker_log WHERE part = ? ORDER BY last LIMIT 1");
  const from = db.prepare("SELECT 1 FROM broker_log WHERE part = ? AND last >= ? LIMIT 1");
  const insert = db.prepare(
    `INSERT INTO broker_log (part, base, last, count, size, min_time, max_time, aged_at, appended_at, bytes)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const read = db.prepare(
    `SELECT id, base, last, count, size, aged_at, bytes FROM broker_log WHERE part = ? AND last >= ? ORDER BY last`,
  );
  read.setReturnArrays(true);
  const rows = db.prepare(
    `SELECT id, base, last, count, size, aged_at AS agedAt FROM broker_log
     WHERE part = ? AND last >= ? ORDER BY last LIMIT ?`,
  );
  const next = (part: number): number => {
    const row = newest.get(part);
    return row === undefined ? 0 : (row.last as number) + 1;
  };

  return {
    next,
    low(part) {
      const row = oldest.get(part);
      return row === undefined ? next(part) : (row.base as number);
    },
    hasFrom: (part, offset) => from.get(part, offset) !== undefined,
    insert(part, row, appendedAt) {
      insert.run(
        part,
        row.base,
        row.last,
        row.count,
        row.bytes.length,
        row.minTimestamp,
        row.maxTimestamp,
        Math.min(row.maxTimestamp, appendedAt),
        appendedAt,
        row.bytes,
      );
    },
    read(part, offset, maxRecords, maxBytes) {
      const found: (StoredBatch & LogRow)[] = [];
      let records = 0;
      let bytes = 0;
      const cursor = read.iterate(part, offset) as unknown as Iterable<
        [number, number, number, number, number, number, Uint8Array]
      >;
      for (const [id, base, last, count, size, agedAt, blob] of cursor) {
        records += count;
        bytes += size;
        if (found.length > 0 && (records > maxRecords || bytes > maxBytes)) break;
        found.push({ id, base, last, count, size, agedAt, bytes: blob });
        if (records >= maxRecords || bytes >= maxBytes) break;
      }
      return found;
    },
    rows: (part, offset, limit) => rows.all(part, offset, limit) as unknown as LogRow[],
  };
};
