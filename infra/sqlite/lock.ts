import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { isMillraceError, MillraceError } from "../../schemas/errors.ts";
import { ensureDirectory } from "../directory.ts";
import { isBusy, openingFailed } from "./errors.ts";

export type DirectoryLock = { release(): void };

/** Keeps the connections from being collected, and with them the locks from being dropped. */
const held = new Set<DatabaseSync>();

/**
 * Takes a directory for this process until `release` or its end, however it ends: an open write transaction on
 * `lock.db` is the lock, so the operating system drops it. DATA_LOCKED names the process that holds it.
 */
export const lockDirectory = (dir: string): DirectoryLock => {
  ensureDirectory(dir);
  const path = join(dir, "lock.db");
  let db: DatabaseSync;
  try {
    db = new DatabaseSync(path, { timeout: 0 });
  } catch (error) {
    throw openingFailed(path, error);
  }
  try {
    db.exec("CREATE TABLE IF NOT EXISTS holder (id INTEGER PRIMARY KEY CHECK (id = 1), pid INTEGER NOT NULL)");
    db.exec(`INSERT INTO holder VALUES (1, ${process.pid}) ON CONFLICT (id) DO UPDATE SET pid = excluded.pid`);
    // A reserved lock, not an exclusive one: others can still read who holds it.
    db.exec("BEGIN IMMEDIATE");
  } catch (error) {
    const pid = isBusy(error) ? holder(db) : null;
    db.close();
    if (!isBusy(error)) throw openingFailed(path, error);
    const who = pid === null ? "another process" : `process ${pid}`;
    throw new MillraceError("DATA_LOCKED", `${dir} is in use by ${who}: stop it, or choose another data directory`, {
      details: { directory: dir, pid },
      cause: error,
    });
  }
  held.add(db);
  return {
    release() {
      if (held.delete(db)) db.close();
    },
  };
};

/** A process that was killed, or is just ending, lets go of its files a moment later. */
const dyingMs = 1_500;
const lookMs = 50;

/** As `lockDirectory`, but waits a moment for a holder that is on its way out: up to 1.5 s. */
export const lockDirectoryWithin = async (dir: string, milliseconds = dyingMs): Promise<DirectoryLock> => {
  const until = performance.now() + milliseconds;
  for (;;) {
    try {
      return lockDirectory(dir);
    } catch (error) {
      if (!isMillraceError(error, "DATA_LOCKED") || performance.now() > until) throw error;
      await sleep(lookMs);
    }
  }
};

const holder = (db: DatabaseSync): number | null => {
  try {
    const row = db.prepare("SELECT pid FROM holder").get();
    return typeof row?.pid === "number" ? row.pid : null;
  } catch {
    // The holder is just creating the table, or writing its number.
    return null;
  }
};
