import type { DatabaseSync } from "node:sqlite";
import { agreedUpTo, type LogMark } from "../log-marks.ts";
import { type AgreedPosition, type Position, START } from "./port.ts";

/**
 * The epochs of the log (infra/log-marks.ts). The first is the file's own: it tells the file from another, or from an
 * emptied one, before anything is written.
 */
export const epochTable = `
  CREATE TABLE IF NOT EXISTS event_epochs (seq INTEGER PRIMARY KEY, id TEXT NOT NULL, start INTEGER NOT NULL);
  INSERT INTO event_epochs (id, start) SELECT lower(hex(randomblob(16))), 0 WHERE NOT EXISTS (SELECT 1 FROM event_epochs);
`;

/** Begins this opening's epoch, inside a transaction of the caller, at the end of the log. */
export const epochBeginner = (db: DatabaseSync): (() => void) => {
  const insert = db.prepare(
    `INSERT INTO event_epochs (id, start)
     VALUES (lower(hex(randomblob(16))), (SELECT coalesce(max(position), 0) + 1 FROM events))`,
  );
  return () => void insert.run();
};

/** `mark` and `agreed` of the port. */
export const sqliteEpochs = (db: DatabaseSync, head: () => number) => {
  const newest = db.prepare(`SELECT id, start AS "from" FROM event_epochs ORDER BY seq DESC LIMIT 1`);
  const all = db.prepare(`SELECT id, start AS "from" FROM event_epochs ORDER BY seq`);
  return {
    mark: (): LogMark => ({ ...(newest.get() as LogMark) }),
    agreed(known: readonly LogMark[], position: Position): AgreedPosition {
      const epochs = all.all() as LogMark[];
      const { at, ...agreed } = agreedUpTo(known, Number(position) + 1, { epochs, low: 0, high: head() + 1 });
      return { position: at <= 1 ? START : String(at - 1), ...agreed };
    },
  };
};
