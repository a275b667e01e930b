import type { DatabaseSync } from "node:sqlite";
import { setImmediate as turn } from "node:timers/promises";
import type { Clock } from "../clock.ts";
import { transactWhenFree } from "../sqlite/database.ts";
import { readBatches } from "./batch.ts";
import { type BatchBuilder, batchBuilder, SEAL_BYTES, SEAL_RECORDS } from "./batch-builder.ts";
import type { RecordBatch } from "./port.ts";
import { type NewRow, type SqliteLog, sqliteLog } from "./sqlite-log.ts";

/**
 * Kafka's log cleaner: remember the newest offset of each key in the part of the log written since the last pass,
 * then rewrite the log from its start to there without the records that these supersede. A tombstone goes when
 * a pass has already been over it: by then nothing older of its key is left.
 *
 * Every step is one short transaction that leaves a correct log, so that writers get their turn, a crash between
 * steps costs only the work, and two connections may compact the same partition.
 */
export type Compactor = {
  /** Bytes written since the last pass, and bytes that it left. */
  state(part: number): { dirty: number; live: number };
  /** One pass. Ends early, and harmlessly, when `stopped` or when the log changes under it. */
  compact(part: number, stopped: () => boolean): Promise<void>;
};

/** Keys remembered in one pass; what they do not reach waits for the next. */
const MAX_KEYS = 1_000_000;
/** Bytes and records of one step: some 20 ms, and the event loop has its turn after each. */
const STEP_BYTES = 3 << 19;
const STEP_RECORDS = 8192;
/** Offset deltas are 32 bits wide. */
const MAX_SPAN = 2 ** 30;
/** Rows of at least this size are left as they are when nothing in them is superseded. */
const LARGE_ROW = SEAL_BYTES / 8;

export const sqliteCompactor = (writer: DatabaseSync, reader: DatabaseSync, clock: Clock): Compactor => {
  const log = sqliteLog(reader);
  const writerLog = sqliteLog(writer);
  const cleanQuery = reader.prepare("SELECT until, live FROM broker_compacted WHERE part = ?");
  const sizeQuery = reader.prepare(
    "SELECT coalesce(sum(size), 0) AS bytes FROM broker_log WHERE part = ? AND last >= ?",
  );
  const setClean = writer.prepare(
    `INSERT INTO broker_compacted (part, until, live) VALUES (?, ?, ?)
     ON CONFLICT DO UPDATE SET until = max(until, excluded.until), live = excluded.live`,
  );
  const remove = writer.prepare("DELETE FROM broker_log WHERE id = ? AND part = ? AND last = ? AND count = ?");

  const clean = (part: number): { until: number; live: number } =>
    (cleanQuery.get(part) as { until: number; live: number } | undefined) ?? { until: 0, live: 0 };
  const bytesFrom = (part: number, offset: number): number => sizeQuery.get(part, offset)?.bytes as number;

  /** Newest offset by key from `from` on, and the offset up to which the map is complete. */
  const newestByKey = async (
    part: number,
    from: number,
    stopped: () => boolean,
  ): Promise<{ newest: Map<string, number>; until: number }> => {
    const newest = new Map<string, number>();
    const end = log.next(part);
    let until = from;
    while (until < end && newest.size < MAX_KEYS && !stopped()) {
      const rows = log.read(part, until, STEP_RECORDS, STEP_BYTES);
      if (rows.length === 0) break;
      const batch = readBatches("", part, rows);
      for (let i = 0; i < batch.count; i++) newest.set(keyOf(batch, i), batch.offsets[i]);
      until = rows[rows.length - 1].last + 1;
      await turn();
    }
    return { newest, until };
  };

  return {
    state(part) {
      const { until, live } = clean(part);
      return { dirty: bytesFrom(part, until), live };
    },
    async compact(part, stopped) {
      const before = clean(part).until;
      const { newest, until } = await newestByKey(part, before, stopped);
      const keep = (batch: RecordBatch, i: number): boolean => {
        const offset = batch.offsets[i];
        const winner = newest.get(keyOf(batch, i));
        if (winner !== undefined) return offset >= winner;
        return batch.valueStart[i] >= 0 || offset >= before;
      };

      let at = log.low(part);
      while (at < until && !stopped()) {
        const rows = withinSpan(log.read(part, at, STEP_RECORDS, STEP_BYTES), until);
        if (rows.length === 0) break;
        const { base } = rows[0];
        const { last } = rows[rows.length - 1];
        const { builders, bases, kept } = rewrite(readBatches("", part, rows), base, keep);
        const count = rows.reduce((sum, row) => sum + row.count, 0);
        const large = rows.every((row) => row.size >= LARGE_ROW);
        if (kept < count || (rows.length > 1 && !large)) {
          const unchanged = await transactWhenFree(writer, () => {
            for (const row of rows) {
              if (remove.run(row.id, part, row.last, row.count).changes !== 1) throw new LogChanged();
            }
            // Never the partition's last row: its last record is the newest of its key.
            if (kept === 0) return true;
            const now = clock();
            builders.forEach((builder, i) => {
              writerLog.insert(part, rowOf(builder, bases[i], (bases[i + 1] ?? last + 1) - 1), now);
            });
            return true;
          }).catch((error: unknown) => {
            if (error instanceof LogChanged) return false;
            throw error;
          });
          if (!unchanged) return;
        }
        at = last + 1;
        await turn();
      }
      if (stopped()) return;
      await transactWhenFree(writer, () => setClean.run(part, until, bytesFrom(part, 0)));
    },
  };
};

/** Another connection compacted or dropped the rows first. */
class LogChanged extends Error {}

/** Bytes as text one to one: only compared. */
const keyOf = (batch: RecordBatch, i: number): string =>
  batch.bytes.toString("latin1", Math.max(0, batch.keyStart[i]), Math.max(0, batch.keyEnd[i]));

const withinSpan = <Row extends ReturnType<SqliteLog["read"]>[number]>(rows: Row[], until: number): Row[] =>
  rows.filter((row) => row.last < until && row.last - rows[0].base < MAX_SPAN);

const rowOf = (builder: BatchBuilder, base: number, last: number): NewRow => ({
  base,
  last,
  count: builder.count,
  minTimestamp: builder.minTimestamp,
  maxTimestamp: builder.maxTimestamp,
  bytes: builder.encode(),
});

/** The records to keep, in builders whose row i begins at `bases[i]`; there is always one. */
const rewrite = (
  batch: RecordBatch,
  base: number,
  keep: (batch: RecordBatch, i: number) => boolean,
): { builders: BatchBuilder[]; bases: number[]; kept: number } => {
  let builder = batchBuilder();
  const builders = [builder];
  const bases = [base];
  let kept = 0;
  const { bytes, keyStart, keyEnd, valueStart, valueEnd } = batch;
  for (let i = 0; i < batch.count; i++) {
    if (!keep(batch, i)) continue;
    const offset = batch.offsets[i];
    if (builder.count >= SEAL_RECORDS || builder.size >= SEAL_BYTES) {
      builder = batchBuilder();
      builders.push(builder);
      bases.push(offset);
    }
    builder.add(
      bytes.subarray(keyStart[i], keyEnd[i]),
      valueStart[i] < 0 ? null : bytes.subarray(valueStart[i], valueEnd[i]),
      batch.timestamps[i],
      batch.headers?.[i],
      offset - bases[bases.length - 1],
    );
    kept++;
  }
  return { builders, bases, kept };
};
