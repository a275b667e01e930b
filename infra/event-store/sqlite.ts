import { setImmediate as turn } from "node:timers/promises";
import { isMillraceError, MillraceError } from "../../schemas/errors.ts";
import { openSqlite, transactWhenFree } from "../sqlite/database.ts";
import { mapSqliteError } from "../sqlite/errors.ts";
import { changeSignal } from "../sqlite/signal.ts";
import type { AppendResult, EventMetadata, EventStore, Position, StoredEvent } from "./port.ts";
import { START } from "./port.ts";
import { type Append, appender } from "./sqlite-append.ts";

const create = `
  CREATE TABLE IF NOT EXISTS events (
    position INTEGER PRIMARY KEY,
    stream TEXT NOT NULL,
    revision INTEGER NOT NULL,
    id TEXT NOT NULL,
    type TEXT NOT NULL,
    data TEXT NOT NULL,
    metadata TEXT NOT NULL,
    at INTEGER NOT NULL
  );
  CREATE UNIQUE INDEX IF NOT EXISTS events_by_stream ON events (stream, revision);
  CREATE UNIQUE INDEX IF NOT EXISTS events_by_id ON events (id, stream);
`;

const columns = "position, stream, revision, id, type, data, metadata";
const pageRows = 512;
/** Appends in one transaction: bounds how long a commit holds the thread and the write lock. */
const maxGroup = 512;

type Row = [number, string, number, string, string, string, string];
type Waiting = { append: Append; resolve: (result: AppendResult) => void; reject: (error: unknown) => void };

/**
 * The event store in one SQLite file. Appends that wait at the same time share one transaction and one sync of the
 * disk; the write lock makes the order of positions the order of commits. Any number of threads may open the file.
 */
export const sqliteEventStore = (path: string, options: { maxBytes?: number } = {}): EventStore => {
  const reads = openSqlite(path, { synchronous: "FULL", create });
  const writes = openSqlite(path, { synchronous: "FULL", create, busyTimeoutMs: 0, ...options });
  const changes = changeSignal(path, "events", reads);
  const write = appender(writes);
  const headQuery = reads.prepare("SELECT max(position) FROM events");
  headQuery.setReturnArrays(true);
  const streamQuery = reads.prepare(
    `SELECT ${columns} FROM events WHERE stream = ? AND revision >= ? ORDER BY revision LIMIT ${pageRows}`,
  );
  streamQuery.setReturnArrays(true);

  let waiting: Waiting[] = [];
  let flushing: Promise<void> | null = null;
  let closed = false;

  const head = (): number => {
    try {
      return Number((headQuery.get() as unknown as [number | null])[0] ?? 0);
    } catch (error) {
      throw mapSqliteError(error);
    }
  };

  const takeGroup = (): Waiting[] => {
    const group = waiting.slice(0, maxGroup);
    waiting = waiting.slice(maxGroup);
    return group;
  };
  /** One transaction for all that waits when its turn comes; an append that is refused does not touch the others. */
  const commitGroup = async (): Promise<void> => {
    let group: Waiting[] = [];
    try {
      const answers = await transactWhenFree(writes, () => {
        group = takeGroup();
        return group.map(({ append }) => answer(append));
      });
      changes.notify();
      for (const [i, { resolve, reject }] of group.entries()) {
        const outcome = answers[i];
        if (outcome instanceof MillraceError) reject(outcome);
        else resolve(outcome);
      }
    } catch (error) {
      if (group.length === 0) group = takeGroup();
      for (const { reject } of group) reject(error);
    }
  };
  const answer = (append: Append): AppendResult | MillraceError => {
    try {
      return write(append);
    } catch (error) {
      if (isMillraceError(error)) return error;
      throw error;
    }
  };
  const flush = async (): Promise<void> => {
    while (waiting.length > 0) {
      // Whoever was answered by the last group may have something for this one.
      await turn();
      await commitGroup();
    }
    flushing = null;
  };

  /** A page of the log after a position, up to a bound; both are numbers of rows. */
  const logPages = (prefixes: readonly string[] | undefined, until: number | undefined) => {
    const filters = ["position > ? AND position <= ?"];
    const values: (string | number)[] = [];
    if (prefixes !== undefined) {
      filters.push(`(${prefixes.map(() => "substr(stream, 1, ?) = ?").join(" OR ") || "FALSE"})`);
      for (const prefix of prefixes) values.push([...prefix].length, prefix);
    }
    if (until !== undefined) {
      filters.push("at <= ?");
      values.push(until);
    }
    const query = reads.prepare(
      `SELECT ${columns} FROM events WHERE ${filters.join(" AND ")} ORDER BY position LIMIT ?`,
    );
    query.setReturnArrays(true);
    return (after: number, bound: number, limit: number): Row[] => {
      try {
        return query.all(after, bound, ...values, limit) as unknown as Row[];
      } catch (error) {
        throw mapSqliteError(error);
      }
    };
  };

  return {
    append(stream, events, expected) {
      if (closed) return Promise.reject(new MillraceError("CLOSED", "the event store is closed"));
      if (events.length === 0) {
        return Promise.reject(new MillraceError("BAD_REQUEST", `an append to ${stream} needs at least one event`));
      }
      return new Promise((resolve, reject) => {
        const rows = events.map(({ id, type, data, metadata }) => ({
          id,
          type,
          data: JSON.stringify(data) ?? "null",
          metadata: JSON.stringify(metadata),
          at: metadata.at,
        }));
        waiting.push({ append: { stream, rows, expected }, resolve, reject });
        flushing ??= flush();
      });
    },

    async *readStream(stream, from = 0n) {
      let next = Number(from);
      for (;;) {
        const page = pageOf(() => streamQuery.all(stream, next));
        for (const row of page) yield storedEvent(row);
        if (page.length < pageRows) return;
        next = page[page.length - 1][2] + 1;
      }
    },

    async *readAll({ after = START, prefixes, until, limit = Number.POSITIVE_INFINITY } = {}) {
      const bound = head();
      const page = logPages(prefixes, until);
      let cursor = rowOf(after);
      for (let left = limit; left > 0; ) {
        const asked = Math.min(left, pageRows);
        const rows = page(cursor, bound, asked);
        for (const row of rows) yield storedEvent(row);
        if (rows.length < asked) return;
        left -= rows.length;
        cursor = rows[rows.length - 1][0];
      }
    },

    async *subscribe({ after = START, prefixes, signal }) {
      const page = logPages(prefixes, undefined);
      let cursor = rowOf(after);
      let live = false;
      while (!signal.aborted) {
        if (closed) throw new MillraceError("CLOSED", "the event store was closed under a subscription");
        const seen = changes.version;
        const bound = head();
        const rows = bound > cursor ? page(cursor, bound, pageRows) : [];
        for (const row of rows) {
          yield { type: "event", event: storedEvent(row) };
          if (signal.aborted) return;
        }
        if (rows.length === pageRows) {
          cursor = rows[rows.length - 1][0];
          continue;
        }
        cursor = Math.max(cursor, bound);
        if (!live) {
          live = true;
          yield { type: "caughtUp", position: String(cursor) };
        } else await changes.wait(Number.POSITIVE_INFINITY, signal, seen);
      }
    },

    async head() {
      return String(head());
    },

    async close() {
      if (closed) return;
      closed = true;
      await flushing;
      changes.close();
      writes.close();
      reads.close();
    },
  };
};

const pageOf = (query: () => unknown): Row[] => {
  try {
    return query() as Row[];
  } catch (error) {
    throw mapSqliteError(error);
  }
};

const rowOf = (position: Position): number => {
  const row = Number(position);
  if (!/^\d+$/.test(position) || !Number.isSafeInteger(row)) {
    throw new MillraceError("BAD_REQUEST", `"${position}" is not a position of this event store`);
  }
  return row;
};

const storedEvent = (row: Row): StoredEvent => {
  try {
    return {
      id: row[3],
      type: row[4],
      data: JSON.parse(row[5]) as unknown,
      metadata: JSON.parse(row[6]) as EventMetadata,
      stream: row[1],
      revision: BigInt(row[2]),
      position: String(row[0]),
    };
  } catch (cause) {
    const which = `${row[1]} revision ${row[2]}, position ${row[0]}`;
    const message = `the event ${which} is not JSON: the store was changed from outside; restore it from a backup`;
    throw new MillraceError("INTERNAL", message, { cause });
  }
};
