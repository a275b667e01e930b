import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as delay } from "node:timers/promises";
import { MillraceError } from "../../schemas/errors.ts";
import { ensureDirectory } from "../directory.ts";
import { isBusy, mapSqliteError, openingFailed } from "./errors.ts";
import { claimFile } from "./foreign.ts";

export type SqliteOptions = {
  /** FULL survives a power cut after each commit; NORMAL survives the death of the process. */
  synchronous: "FULL" | "NORMAL";
  /** DDL that may run any number of times. */
  create: string;
  /** How long a statement blocks this thread for another connection's lock, milliseconds. 10 s without it. */
  busyTimeoutMs?: number;
  /** STORAGE_FULL beyond this size of the file, so that it leaves room to others; unbounded without it. */
  maxBytes?: number;
};

const pageSize = 16_384;
const walBytes = 64 * 1024 * 1024;
const busyTimeout = 10_000;

const pause = (ms: number): void => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
};

/** SQLite does not call its busy handler where waiting might deadlock, as when two threads create one file. */
const retryWhileBusy = (action: () => void): void => {
  const end = Date.now() + busyTimeout;
  for (;;) {
    try {
      action();
      return;
    } catch (error) {
      if (!isBusy(error) || Date.now() >= end) throw error;
      pause(2);
    }
  }
};

/**
 * One connection to a database file in WAL mode. Threads of the process open connections of their own to the
 * same file; what one commits, the others see at their next statement. Not memory-mapped: mapped pages would count as
 * resident memory, and blobs are copied to JavaScript in either case. Throws STORAGE_FULL, DATA_UNUSABLE.
 */
export const openSqlite = (path: string, options: SqliteOptions): DatabaseSync => {
  ensureDirectory(dirname(path));
  const db = opened(path);
  try {
    retryWhileBusy(() => {
      db.exec(`PRAGMA page_size = ${pageSize}; PRAGMA journal_mode = WAL`);
    });
    db.exec(`
      PRAGMA synchronous = ${options.synchronous};
      PRAGMA wal_autocheckpoint = ${walBytes / pageSize};
      PRAGMA journal_size_limit = ${walBytes};
      PRAGMA cache_size = -8192;
      PRAGMA temp_store = MEMORY;
    `);
    retryWhileBusy(() =>
      transact(db, () => {
        claimFile(db, path);
        db.exec(options.create);
      }),
    );
    if (options.maxBytes !== undefined) db.exec(`PRAGMA max_page_count = ${Math.ceil(options.maxBytes / pageSize)}`);
    if (options.busyTimeoutMs !== undefined) db.exec(`PRAGMA busy_timeout = ${options.busyTimeoutMs}`);
    return db;
  } catch (error) {
    db.close();
    throw openingFailed(path, error);
  }
};

const opened = (path: string): DatabaseSync => {
  try {
    return new DatabaseSync(path, { timeout: busyTimeout });
  } catch (error) {
    throw openingFailed(path, error);
  }
};

/** Runs `action` in one write transaction: committed when it returns, rolled back when it throws. */
const transact = <T>(db: DatabaseSync, action: () => T): T => {
  db.exec("BEGIN IMMEDIATE");
  return finish(db, action);
};

/**
 * As `transact`, but waits for other writers without blocking the thread. For connections opened with
 * `busyTimeoutMs: 0`. CLOSED when the connection is closed meanwhile, CONFLICT after 10 s.
 */
export const transactWhenFree = async <T>(db: DatabaseSync, action: () => T): Promise<T> => {
  const end = Date.now() + busyTimeout;
  for (;;) {
    try {
      db.exec("BEGIN IMMEDIATE");
      break;
    } catch (error) {
      if (!isBusy(error)) throw mapSqliteError(error);
      if (Date.now() >= end) {
        throw new MillraceError("CONFLICT", "another writer held the database for 10 s: try again", { cause: error });
      }
      await delay(1);
    }
  }
  try {
    return finish(db, action);
  } catch (error) {
    throw mapSqliteError(error);
  }
};

const finish = <T>(db: DatabaseSync, action: () => T): T => {
  try {
    const result = action();
    db.exec("COMMIT");
    return result;
  } catch (error) {
    // A full disk rolls back by itself.
    if (db.isTransaction) db.exec("ROLLBACK");
    throw error;
  }
};

/** The file of a `sqlite:` URL: `sqlite:./data/millrace.db`, `sqlite:/var/lib/millrace.db`, `sqlite:///var/...`. */
export const sqlitePath = (url: string): string => {
  const path = url.replace(/^sqlite:(\/\/(?=\/))?/i, "");
  if (path === "") {
    throw new MillraceError("INVALID_SETTING", `"${url}" names no file: use a URL such as sqlite:./data/millrace.db`);
  }
  return path;
};
