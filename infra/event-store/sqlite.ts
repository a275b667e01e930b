import { setImmediate as turn } from "node:timers/promises";
import { isMillraceError, MillraceError } from "../../schemas/errors.ts";
import { openSqlite, transactWhenFree } from "../sqlite/database.ts";
import { mapSqliteError } from "../sqlite/errors.ts";
import { changeSignal } from "../sqlite/signal.ts";
import { type FoundEvent, faultsIn, foundEvent, historyGuard, skipped } from "./history-guard.ts";
import type { AppendResult, EventStore, Fault, Position } from "./port.ts";
import { START } from "./port.ts";
import { type Append, appender } from "./sqlite-append.ts";
import { epochBeginner, epochTable, sqliteEpochs } from "./sqlite-epochs.ts";

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
  ${epochTable}
`;

const columns = "position, stream, revision, id, type, data, metadata";
const pageRows = 512;
/** Appends in one transaction: bounds how long a commit holds the thread and the write lock. */
const maxGroup = 512;

type Row = [number, string, number, string, string, string, string];
type Waiting = { append: Append; resolve: (result: AppendResult) => void; reject: (error: unknown) => void };

type SqliteEventStoreOptions = { maxBytes?: number; onFault?: (fault: Fault) => void };

/**
 * The event store in one SQLite file. Appends that wait at the same time share one transaction and one sync of the
 * disk; the write lock makes the order of positions the order of commits. Any number of threads may open the file.
 */
export const sqliteEventStore = (path: string, options: SqliteEventStoreOptions = {}): EventStore => {
  const { onFault, ...sqlite } = options;
  const reads = openSqlite(path, { synchronous: "FULL", create });
  const writes = openSqlite(path, { synchronous: "FULL", create, busyTimeoutMs: 0, ...sqlite });
  const changes = changeSignal(path, "events", reads);
  const write = appender(writes);
  const guard = historyGuard(onFault);
  const beginEpoch = epochBeginner(writes);
  const headQuery = reads.prepare("SELECT max(position) FROM events");
  headQuery.setReturnArrays(true);
  const streamQuery = reads.prepare(
    `SELECT ${columns} FROM events WHERE stream = ? AND revision >= ? ORDER BY revision LIMIT ${pageRows}`,
  );
  streamQuery.setReturnArrays(true);

  let waiting: Waiting[] = [];
  let flushing: Promise<void> | null = null;
  let epochBegun = false;
  let closed = false;

  const head = (): number => {
    try {
      return Number((headQuery.get() as unknown as [number | null])[0] ?? 0);
    } catch (error) {
      throw mapSqliteError(error);
    }
  };

  const epochs = sqliteEpochs(reads, head);

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
        if (!epochBegun) beginEpoch();
        return group.map(({ append }) => answer(append));
      });
      epochBegun = true;
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

  /** All that the log holds now, readable or not. */
  async function* found(): AsyncGenerator<FoundEvent> {
    const bound = head();
    const page = logPages(undefined, undefined);
    for (let rows = page(0, bound, pageRows); rows.length > 0; ) {
      for (const row of rows) yield eventOf(row);
      rows = page(rows[rows.length - 1][0], bound, pageRows);
    }
  }

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
      let expected = from;
      for (;;) {
        const page = pageOf(() => streamQuery.all(stream, Number(expected)));
        for (const row of page) yield guard.demand(eventOf(row), expected++);
        if (page.length < pageRows) return;
      }
    },

    async *readAll({ after = START, prefixes, until, limit = Number.POSITIVE_INFINITY, verbatim } = {}) {
      const bound = head();
      const page = logPages(prefixes, until);
      let cursor = rowOf(after);
      for (let left = limit; left > 0; ) {
        const asked = Math.min(left, pageRows);
        const rows = page(cursor, bound, asked);
        for (const row of rows) {
          const event = eventOf(row);
          if (!guard.admits(event, verbatim)) continue;
          yield event;
          left--;
        }
        if (rows.length < asked) return;
        cursor = rows[rows.length - 1][0];
      }
    },

    async *subscribe({ after = START, prefixes, signal, verbatim }) {
      const page = logPages(prefixes, undefined);
      let cursor = rowOf(after);
      let live = false;
      while (!signal.aborted) {
        if (closed) throw new MillraceError("CLOSED", "the event store was closed under a subscription");
        const seen = changes.version;
        const bound = head();
        const rows = bound > cursor ? page(cursor, bound, pageRows) : [];
        for (const row of rows) {
          const event = eventOf(row);
          yield guard.admits(event, verbatim) ? { type: "event", event } : skipped(event);
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
    mark: async () => reading(() => epochs.mark()),
    agreed: async (marks, position) => reading(() => epochs.agreed(marks, position)),

    faults: guard.faults,

    examine: () => faultsIn(found()),

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

const pageOf = (query: () => unknown): Row[] => reading(query) as Row[];

const reading = <T>(query: () => T): T => {
  try {
    return query();
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

const eventOf = ([position, stream, revision, id, type, data, metadata]: Row): FoundEvent =>
  foundEvent({ id, type, stream, revision: BigInt(revision), position: String(position) }, data, metadata);
