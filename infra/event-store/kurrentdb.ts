import { MillraceError } from "../../schemas/errors.ts";
import { historyGuard } from "./history-guard.ts";
import { type Appending, appendAt, appendFirst, eventData } from "./kurrentdb-append.ts";
import { anywhereAppender } from "./kurrentdb-append-any.ts";
import { type KurrentDbConnection, kurrentDbConnection } from "./kurrentdb-connection.ts";
import { headOf } from "./kurrentdb-head.ts";
import { examineHistories } from "./kurrentdb-histories.ts";
import { flat, logEvents } from "./kurrentdb-log.ts";
import { agreedMarks, eventMark, isThere } from "./kurrentdb-marks.ts";
import { readAll, readStream } from "./kurrentdb-read.ts";
import type { Streams } from "./kurrentdb-request.ts";
import { subscribeTo } from "./kurrentdb-subscribe.ts";
import type { AppendResult, EventStore, ExpectedRevision, Fault } from "./port.ts";

export type KurrentDbOptions = {
  /** How the names of the streams begin that are read and written here; all but system streams without it. */
  streams?: readonly string[];
  /** How long a call may take, all its attempts together, milliseconds. */
  answerMs?: number;
  onFault?: (fault: Fault) => void;
};

/**
 * KurrentDB, and EventStoreDB from 22.10 on. A position is the commit position of an event in `$all`; system streams
 * are left out everywhere. INVALID_SETTING; ENGINE_UNAVAILABLE and ENGINE_REFUSED when the server does not answer.
 */
export const kurrentDbEventStore = async (url: string, options: KurrentDbOptions = {}): Promise<EventStore> => {
  const { streams, answerMs = 10_000 } = options;
  const connection = kurrentDbConnection(url, answerMs);
  const guard = historyGuard(options.onFault);
  const absent = recentlyAbsent();
  const append = appender(connection, streams, absent);
  const head = headOf(connection, serverNames(connection, streams));
  const appends = new Set<Promise<AppendResult>>();
  let closing: Promise<void> | undefined;

  const named = (prefixes: readonly string[] | undefined): Streams => serverNames(connection, prefixes ?? streams);
  const whenOpen = (): void => {
    if (closing !== undefined) throw new MillraceError("CLOSED", "the event store is closed");
  };
  const close = async (): Promise<void> => {
    await Promise.allSettled(appends);
    await connection.close();
  };

  try {
    await head();
  } catch (error) {
    await connection.close();
    throw error;
  }

  return {
    async append(stream, events, expected) {
      whenOpen();
      if (events.length === 0) {
        throw new MillraceError("BAD_REQUEST", `an append to ${stream} needs at least one event`);
      }
      const appending = { stream, rows: events.map(eventData), deadline: connection.deadline() };
      const appended = append(appending, expected);
      appends.add(appended);
      try {
        return await appended;
      } finally {
        appends.delete(appended);
      }
    },
    readStream(stream, from = 0n) {
      whenOpen();
      return readStream(connection, guard, stream, from, absent.add);
    },
    readAll({ prefixes, ...read } = {}) {
      whenOpen();
      return readAll(connection, guard, named(prefixes), read);
    },
    subscribe({ prefixes, ...following }) {
      whenOpen();
      return subscribeTo({ ...following, connection, guard, head, streams: named(prefixes) });
    },
    async head() {
      whenOpen();
      return head();
    },
    faults: guard.faults,
    examine() {
      whenOpen();
      const log = flat(logEvents(connection, { streams: named(undefined) }));
      return examineHistories(connection, named(undefined) ?? [""], log);
    },
    mark: async (handled) => eventMark(handled),
    async agreed(marks, position) {
      whenOpen();
      return agreedMarks(marks, position, { head, isThere: (mark) => isThere(connection, guard, mark) });
    },
    async close() {
      closing ??= close();
      await closing;
    },
  };
};

const serverNames = ({ namePrefix }: KurrentDbConnection, begins: Streams): Streams => {
  if (begins === undefined) return namePrefix === "" ? undefined : [namePrefix];
  return begins.map((begin) => `${namePrefix}${begin}`);
};

const appender = (
  connection: KurrentDbConnection,
  streams: Streams,
  absent: RecentlyAbsent,
): ((appending: Appending, expected: ExpectedRevision) => Promise<AppendResult>) => {
  const appendAnywhere = anywhereAppender(connection);
  return async (appending, expected) => {
    const { stream } = appending;
    if (streams?.some((begin) => stream.startsWith(begin)) === false) {
      throw new MillraceError("INTERNAL", `nobody would read the stream ${stream}: ownStreams does not name its kind`);
    }
    if (expected === "any") return appendAnywhere(appending);
    if (expected === "no-stream") return appendFirst(connection, appending, absent.take(stream));
    return appendAt(connection, appending, expected);
  };
};

type RecentlyAbsent = {
  add(stream: string): void;
  /** Whether it was told that the stream never was, a moment ago; once. */
  take(stream: string): boolean;
};

const absentMs = 30_000;
const maxAbsent = 10_000;

/** Whoever creates a stream has read it before, so that its past need not be asked for again. */
const recentlyAbsent = (): RecentlyAbsent => {
  const until = new Map<string, number>();
  return {
    add(stream) {
      until.delete(stream);
      until.set(stream, performance.now() + absentMs);
      if (until.size > maxAbsent) until.delete(until.keys().next().value as string);
    },
    take(stream) {
      const end = until.get(stream);
      until.delete(stream);
      return end !== undefined && performance.now() < end;
    },
  };
};
