import { MillraceError } from "../../schemas/errors.ts";
import { appendTo } from "./kurrentdb-append.ts";
import { kurrentDbConnection } from "./kurrentdb-connection.ts";
import { readAll, readHead, readStream } from "./kurrentdb-read.ts";
import { probe, subscribeTo } from "./kurrentdb-subscribe.ts";
import type { AppendResult, EventStore } from "./port.ts";

/**
 * KurrentDB, and EventStoreDB from 22.10 on. A position is the commit position of an event in `$all`; system streams
 * are left out everywhere. INVALID_SETTING; ENGINE_UNAVAILABLE and ENGINE_REFUSED when the server does not answer.
 */
export const kurrentDbEventStore = async (url: string): Promise<EventStore> => {
  const connection = kurrentDbConnection(url);
  const appends = new Set<Promise<AppendResult>>();
  let closing: Promise<void> | undefined;

  const whenOpen = (): void => {
    if (closing !== undefined) throw new MillraceError("CLOSED", "the event store is closed");
  };
  const close = async (): Promise<void> => {
    await Promise.allSettled(appends);
    await connection.close();
  };

  try {
    await probe(connection);
    await readHead(connection);
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
      const append = appendTo(connection, stream, events, expected);
      appends.add(append);
      try {
        return await append;
      } finally {
        appends.delete(append);
      }
    },
    async *readStream(stream, from = 0n) {
      whenOpen();
      yield* readStream(connection, stream, from);
    },
    async *readAll(options = {}) {
      whenOpen();
      yield* readAll(connection, options);
    },
    async *subscribe(options) {
      whenOpen();
      yield* subscribeTo(connection, options);
    },
    async head() {
      whenOpen();
      return readHead(connection);
    },
    async close() {
      closing ??= close();
      await closing;
    },
  };
};
