import type { DatabaseSync } from "node:sqlite";
import { openSqlite, transactWhenFree } from "./database.ts";

/** Asks whether a database file takes writes, by a write: reads go on when the disk is full or a writer is stuck. */
export type SqliteProbe = {
  /** STORAGE_FULL, CONFLICT, DATA_UNUSABLE. */
  write(): Promise<void>;
  close(): void;
};

const create = "CREATE TABLE IF NOT EXISTS readiness (id INTEGER PRIMARY KEY CHECK (id = 1), at INTEGER NOT NULL)";

/** Opens the file at the first write. */
export const sqliteProbe = (path: string, clock: () => number): SqliteProbe => {
  let db: DatabaseSync | null = null;
  return {
    async write() {
      db ??= openSqlite(path, { synchronous: "NORMAL", create, busyTimeoutMs: 0 });
      const open = db;
      await transactWhenFree(open, () => {
        open
          .prepare("INSERT INTO readiness VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET at = excluded.at")
          .run(clock());
      });
    },
    close() {
      db?.close();
      db = null;
    },
  };
};
