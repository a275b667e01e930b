import { resolve } from "node:path";
import type { StatementSync } from "node:sqlite";
import { MillraceError } from "../../schemas/errors.ts";
import { type Clock, systemClock } from "../clock.ts";
import { openSqlite, transactWhenFree } from "../sqlite/database.ts";
import { mapSqliteError } from "../sqlite/errors.ts";
import { storeChanged } from "./changed.ts";
import type { Entry, IndexEntry, IndexPage, OnlineStore } from "./port.ts";
import { messages } from "./sqlite-messages.ts";

/** Keys and members are compared as UTF-8 bytes. `expires` is UTC milliseconds, null for never. */
const create = `
  CREATE TABLE IF NOT EXISTS entries (
    key TEXT PRIMARY KEY,
    value BLOB,
    offset INTEGER,
    expires INTEGER
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS entries_by_expiry ON entries (expires) WHERE expires IS NOT NULL;
  CREATE TABLE IF NOT EXISTS members (
    name TEXT NOT NULL,
    score REAL NOT NULL,
    member TEXT NOT NULL,
    PRIMARY KEY (name, score, member)
  ) WITHOUT ROWID;
  CREATE UNIQUE INDEX IF NOT EXISTS members_by_name ON members (name, member);
`;

/** Expired entries that one write removes, at most: the rest waits for the next write. */
const purgeRows = 64;

export type SqliteOnlineStoreOptions = { clock?: Clock; maxBytes?: number };

/**
 * The online store in one SQLite file: point look-ups of prepared statements, about as far away as a function call.
 * A deletion with an offset leaves the offset behind, so that an older write does not bring the key back.
 */
export const sqliteOnlineStore = (path: string, options: SqliteOnlineStoreOptions = {}): OnlineStore => {
  const clock = options.clock ?? systemClock;
  const reads = openSqlite(path, { synchronous: "NORMAL", create });
  const writes = openSqlite(path, { synchronous: "NORMAL", create, busyTimeoutMs: 0, maxBytes: options.maxBytes });
  const channels = messages(`millrace:${resolve(path)}:online`);
  const getSql = "SELECT value, expires FROM entries WHERE key = ?";
  const getQuery = arrays(reads.prepare(getSql));
  const heldQuery = arrays(writes.prepare(getSql));
  const countQuery = arrays(reads.prepare("SELECT count(*) FROM members WHERE name = ?"));
  const pages = {
    forward: arrays(reads.prepare(pageSql("", "ASC"))),
    forwardAfter: arrays(reads.prepare(pageSql("AND (score, member) > (?, ?)", "ASC"))),
    reverse: arrays(reads.prepare(pageSql("", "DESC"))),
    reverseAfter: arrays(reads.prepare(pageSql("AND (score, member) < (?, ?)", "DESC"))),
  };
  const setQuery = writes.prepare(
    `INSERT INTO entries (key, value, offset, expires) VALUES (?, ?, ?, ?)
     ON CONFLICT (key) DO UPDATE SET value = excluded.value, offset = excluded.offset, expires = excluded.expires
     WHERE excluded.offset IS NULL OR offset IS NULL OR excluded.offset > offset`,
  );
  const deleteQuery = writes.prepare("DELETE FROM entries WHERE key = ?");
  const purgeQuery = writes.prepare(
    `DELETE FROM entries WHERE key IN (SELECT key FROM entries WHERE expires <= ? LIMIT ${purgeRows})`,
  );
  const removeMember = writes.prepare("DELETE FROM members WHERE name = ? AND member = ?");
  const addMember = writes.prepare("INSERT INTO members (name, score, member) VALUES (?, ?, ?)");

  let writing: Promise<unknown> = Promise.resolve();
  let closed = false;

  /** Writes of this face are applied in the order in which they were asked for. */
  const inOrder = <T>(action: () => T): Promise<T> => {
    if (closed) return Promise.reject(closedError());
    const result = writing.then(() => transactWhenFree(writes, action));
    writing = result.catch(() => undefined);
    return result;
  };

  const get = (key: string, now: number, query = getQuery): Buffer | null => {
    const row = query.get(key) as unknown as [Uint8Array | null, number | null] | undefined;
    if (row === undefined || row[0] === null || (row[1] !== null && row[1] <= now)) return null;
    return Buffer.from(row[0].buffer, row[0].byteOffset, row[0].byteLength);
  };

  /** As `get`, by the connection that writes: other connections have not seen this transaction. */
  const held = (key: string, now: number): Buffer | null => get(key, now, heldQuery);

  const writeEntry = ({ key, value, offset, ttlMs }: Entry, now: number): void => {
    if (value === null && offset === undefined) deleteQuery.run(key);
    else setQuery.run(key, value, offset ?? null, ttlMs === undefined ? null : now + ttlMs);
  };
  const writeMember = ({ index, member, score }: IndexEntry): void => {
    removeMember.run(index, member);
    if (score !== null) addMember.run(index, score, member);
  };

  return {
    async get(key) {
      return reading(() => get(key, clock()));
    },
    async mget(keys) {
      const now = clock();
      return reading(() => keys.map((key) => get(key, now)));
    },
    setMany(entries, index = [], expected = []) {
      return inOrder(() => {
        const now = clock();
        for (const { key, value } of expected) if (!same(held(key, now), value)) throw storeChanged();
        for (const entry of entries) writeEntry(entry, now);
        for (const entry of index) writeMember(entry);
        purgeQuery.run(now);
      });
    },
    async range(index, { after, reverse = false, limit }) {
      return reading(() => {
        const query = reverse
          ? after === undefined
            ? pages.reverse
            : pages.reverseAfter
          : after === undefined
            ? pages.forward
            : pages.forwardAfter;
        const from = after === undefined ? [] : [after.score, after.member];
        const rows = query.all(index, ...from, limit) as unknown as [string, number][];
        return rows.map(([member, score]): IndexPage[number] => ({ member, score }));
      });
    },
    async count(index) {
      return reading(() => (countQuery.get(index) as unknown as [number])[0]);
    },
    clear(prefix) {
      return inOrder(() => {
        const end = prefixEnd(prefix);
        for (const [table, column] of [
          ["entries", "key"],
          ["members", "name"],
        ]) {
          if (end === null) writes.prepare(`DELETE FROM ${table} WHERE ${column} >= ?`).run(prefix);
          else writes.prepare(`DELETE FROM ${table} WHERE ${column} >= ? AND ${column} < ?`).run(prefix, end);
        }
      });
    },
    async publish(channel, message) {
      if (closed) throw closedError();
      channels.publish(channel, message);
    },
    async subscribe(channel, handler) {
      if (closed) throw closedError();
      return channels.subscribe(channel, handler);
    },
    async flush() {
      await writing;
    },
    async close() {
      if (closed) return;
      closed = true;
      await writing;
      channels.close();
      writes.close();
      reads.close();
    },
  };
};

const same = (a: Buffer | null, b: Buffer | null): boolean => (a === null || b === null ? a === b : a.equals(b));

const closedError = (): MillraceError => new MillraceError("CLOSED", "the online store is closed");

const arrays = (query: StatementSync): StatementSync => {
  query.setReturnArrays(true);
  return query;
};

const reading = <T>(action: () => T): T => {
  try {
    return action();
  } catch (error) {
    throw mapSqliteError(error);
  }
};

const pageSql = (from: string, direction: "ASC" | "DESC"): string =>
  `SELECT member, score FROM members WHERE name = ? ${from} ORDER BY score ${direction}, member ${direction} LIMIT ?`;

/** The first text after all that start with the prefix, in the order of code points; null when there is none. */
const prefixEnd = (prefix: string): string | null => {
  const points = [...prefix].map((character) => character.codePointAt(0) as number);
  while (points.length > 0) {
    const last = points.pop() as number;
    // The code points of surrogates do not occur in text.
    if (last < 0x10ffff) return String.fromCodePoint(...points, last === 0xd7ff ? 0xe000 : last + 1);
  }
  return null;
};
