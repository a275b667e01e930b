import { BACKWARDS, END, type ResolvedEvent, StreamNotFoundError } from "@kurrent/kurrentdb-client";
import type { KurrentDbConnection } from "./kurrentdb-connection.ts";
import { logPosition, storedEvent, streamFilter } from "./kurrentdb-events.ts";
import { comparePositions, type Position, type ReadAllOptions, START, type StoredEvent } from "./port.ts";

/**
 * Whole pages: a reader that takes its time holds nothing open at the server, and a page that fails is asked for again.
 */
const pageEvents = 512;

const collected = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
};

const isEvent = (event: StoredEvent | null): event is StoredEvent => event !== null;

type StreamPage = { from?: bigint; backwards?: boolean; count: number };

/** Nothing of a stream that is not there. */
const streamPage = (connection: KurrentDbConnection, stream: string, page: StreamPage): Promise<ResolvedEvent[]> =>
  connection.ask(async (client) => {
    const fromRevision = page.from ?? (page.backwards ? END : undefined);
    const direction = page.backwards ? BACKWARDS : undefined;
    try {
      return await collected(client.readStream(stream, { fromRevision, direction, maxCount: page.count }));
    } catch (error) {
      if (error instanceof StreamNotFoundError) return [];
      throw error;
    }
  });

export async function* readStream(
  connection: KurrentDbConnection,
  stream: string,
  from: bigint,
): AsyncGenerator<StoredEvent> {
  for (let next = from; ; ) {
    const page = await streamPage(connection, stream, { from: next, count: pageEvents });
    for (const event of page.map(storedEvent).filter(isEvent)) {
      next = event.revision + 1n;
      yield event;
    }
    if (page.length < pageEvents) return;
  }
}

/** Newest first. */
export async function* readStreamBackwards(
  connection: KurrentDbConnection,
  stream: string,
): AsyncGenerator<StoredEvent> {
  let from: bigint | undefined;
  for (let count = 32; ; count = pageEvents) {
    const page = await streamPage(connection, stream, { from, backwards: true, count });
    let oldest = 0n;
    for (const event of page.map(storedEvent).filter(isEvent)) {
      oldest = event.revision;
      yield event;
    }
    if (page.length < count || oldest === 0n) return;
    from = oldest - 1n;
  }
}

export async function* readAll(
  connection: KurrentDbConnection,
  { after = START, prefixes, until = Number.POSITIVE_INFINITY, limit = Number.POSITIVE_INFINITY }: ReadAllOptions,
): AsyncGenerator<StoredEvent> {
  if (prefixes?.length === 0) return;
  const filter = streamFilter(prefixes);
  let left = limit;
  let cursor = after;
  while (left > 0) {
    // Reading from a position begins with the event there, which was seen.
    const maxCount = pageEvents + 1;
    const resolved = await connection.ask((client) =>
      collected(client.readAll({ fromPosition: logPosition(cursor), filter, maxCount })),
    );
    for (const event of resolved.map(storedEvent).filter(isEvent)) {
      if (comparePositions(event.position, cursor) <= 0) continue;
      cursor = event.position;
      if (event.metadata.at > until) continue;
      yield event;
      if (--left <= 0) return;
    }
    if (resolved.length < maxCount) return;
  }
}

export const readHead = async (connection: KurrentDbConnection): Promise<Position> => {
  const filter = streamFilter(undefined);
  const [newest] = await connection.ask((client) =>
    collected(client.readAll({ direction: BACKWARDS, fromPosition: END, filter, maxCount: 1 })),
  );
  return (newest === undefined ? null : storedEvent(newest))?.position ?? START;
};
