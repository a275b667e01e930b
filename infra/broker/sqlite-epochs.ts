import type { DatabaseSync } from "node:sqlite";
import { type Agreement, agreedUpTo, type LogMark } from "../log-marks.ts";
import { PARTS_PER_TOPIC, partOf, type Topic } from "./sqlite-catalog.ts";
import { sqliteLog } from "./sqlite-log.ts";

/**
 * The epochs of all partitions (infra/log-marks.ts), and where each begins in a partition, which is said anew only
 * where the partition has moved since. The first epoch is the file's own and begins everywhere at 0.
 */
export const epochTables = `
  CREATE TABLE IF NOT EXISTS broker_epochs (seq INTEGER PRIMARY KEY, id TEXT NOT NULL);
  INSERT INTO broker_epochs (id) SELECT lower(hex(randomblob(16))) WHERE NOT EXISTS (SELECT 1 FROM broker_epochs);
  CREATE TABLE IF NOT EXISTS broker_epoch_starts (
    part INTEGER NOT NULL, seq INTEGER NOT NULL, start INTEGER NOT NULL, PRIMARY KEY (part, seq)
  ) WITHOUT ROWID;
`;

/**
 * Begins this opening's epoch, inside a transaction of the caller, before anything else is written in it: some
 * microseconds a partition, once an opening.
 */
export const epochBeginner = (db: DatabaseSync, topics: () => readonly Topic[]): (() => void) => {
  const log = sqliteLog(db);
  const insert = db.prepare("INSERT INTO broker_epochs (id) VALUES (lower(hex(randomblob(16)))) RETURNING seq");
  const told = db.prepare("SELECT start FROM broker_epoch_starts WHERE part = ? ORDER BY seq DESC LIMIT 1");
  const tell = db.prepare("INSERT INTO broker_epoch_starts (part, seq, start) VALUES (?, ?, ?)");
  return () => {
    const { seq } = insert.get() as { seq: number };
    for (const topic of topics()) {
      for (let partition = 0; partition < topic.config.partitions; partition++) {
        const part = partOf(topic, partition);
        const start = log.next(part);
        if (start !== ((told.get(part)?.start as number | undefined) ?? 0)) tell.run(part, seq, start);
      }
    }
  };
};

/** `marks` and `agreed` of the port. A topic's number is in its marks: one that was made again has another. */
export const sqliteEpochs = (db: DatabaseSync) => {
  const log = sqliteLog(db);
  const epochIds = db.prepare("SELECT seq, id FROM broker_epochs ORDER BY seq");
  const newestId = db.prepare("SELECT id FROM broker_epochs ORDER BY seq DESC LIMIT 1");
  const startsOf = db.prepare("SELECT seq, start FROM broker_epoch_starts WHERE part = ? ORDER BY seq");
  const newestStart = db.prepare("SELECT start FROM broker_epoch_starts WHERE part = ? ORDER BY seq DESC LIMIT 1");

  const idOf = (topic: Topic, epoch: string): string => `${topic.id}/${epoch}`;

  const epochsOf = (topic: Topic, part: number): LogMark[] => {
    const starts = startsOf.all(part) as { seq: number; start: number }[];
    let next = 0;
    let from = 0;
    return (epochIds.all() as { seq: number; id: string }[]).map(({ seq, id }) => {
      while (next < starts.length && starts[next].seq <= seq) from = starts[next++].start;
      return { id: idOf(topic, id), from };
    });
  };

  return {
    marks(topic: Topic): LogMark[] {
      const id = idOf(topic, newestId.get()?.id as string);
      return Array.from({ length: topic.config.partitions }, (_, partition) => {
        const from = (newestStart.get(partOf(topic, partition))?.start as number | undefined) ?? 0;
        return { id, from };
      });
    },
    agreed(topic: Topic, partition: number, known: readonly LogMark[], next: number): Agreement {
      const part = partOf(topic, partition);
      return agreedUpTo(known, next, { epochs: epochsOf(topic, part), low: 0, high: log.next(part) });
    },
  };
};

/** Forgets a deleted topic's starts, inside a transaction of the caller. */
export const epochForgetter = (db: DatabaseSync): ((topic: number) => void) => {
  const forget = db.prepare("DELETE FROM broker_epoch_starts WHERE part >= ? AND part < ?");
  return (topic) => void forget.run(topic * PARTS_PER_TOPIC, (topic + 1) * PARTS_PER_TOPIC);
};
