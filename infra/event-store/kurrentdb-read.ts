import { type FoundEvent, faultError, type HistoryGuard } from "./history-guard.ts";
import type { Deadline, KurrentDbConnection } from "./kurrentdb-connection.ts";
import { deletion, emptied, isTombstone, missing, tombstone } from "./kurrentdb-histories.ts";
import { flat, logEvents, ownEvent } from "./kurrentdb-log.ts";
import type { Streams } from "./kurrentdb-request.ts";
import { type ReadAllOptions, START, type StoredEvent } from "./port.ts";

/**
 * Events of a stream from a revision on, as one read of the server; where it breaks it goes on. `onAbsent` is told of a
 * stream that never was.
 */
export async function* readStream(
  connection: KurrentDbConnection,
  guard: HistoryGuard,
  stream: string,
  from: bigint,
  onAbsent: (stream: string) => void,
): AsyncGenerator<StoredEvent> {
  let next = from;
  let deadline = connection.deadline();
  for (let attempt = 1; ; attempt++) {
    try {
      const request = { of: "stream", stream: `${connection.namePrefix}${stream}`, from: next } as const;
      let found = false;
      for await (const answers of connection.read(request, { first: deadline })) {
        for (const answer of answers) {
          if (answer.kind === "streamNotFound") {
            const fault = next > 0n ? missing(stream, next) : await deletion(connection, stream, deadline);
            if (fault !== null) throw faultError(fault);
            onAbsent(stream);
            return;
          }
          if (answer.kind !== "event") continue;
          found = true;
          attempt = 1;
          connection.saw(answer.event.position);
          const event = guard.demand(ownEvent(connection, answer.event), next);
          next += 1n;
          yield event;
        }
        deadline = connection.deadline();
      }
      if (!found && next === 0n) throw faultError(emptied(stream));
      return;
    } catch (error) {
      if (isTombstone(error)) throw faultError(tombstone(stream));
      await connection.again(error, attempt, deadline);
    }
  }
}

/** Newest first, readable or not; nothing of a stream that is not there. All of it before the deadline. */
export async function* readStreamBackwards(
  connection: KurrentDbConnection,
  stream: string,
  deadline: Deadline,
): AsyncGenerator<FoundEvent> {
  let from: bigint | undefined;
  for (let attempt = 1; ; attempt++) {
    try {
      const request = { of: "stream", stream: `${connection.namePrefix}${stream}`, from, backwards: true } as const;
      for await (const answer of flat(connection.read(request, { first: deadline }))) {
        if (answer.kind !== "event") continue;
        attempt = 1;
        connection.saw(answer.event.position);
        yield ownEvent(connection, answer.event);
        if (answer.event.revision === 0n) return;
        from = answer.event.revision - 1n;
      }
      return;
    } catch (error) {
      if (isTombstone(error)) throw faultError(tombstone(stream));
      await connection.again(error, attempt, deadline);
    }
  }
}

export async function* readAll(
  connection: KurrentDbConnection,
  guard: HistoryGuard,
  streams: Streams,
  {
    after = START,
    until = Number.POSITIVE_INFINITY,
    limit = Number.POSITIVE_INFINITY,
    verbatim,
  }: Omit<ReadAllOptions, "prefixes">,
): AsyncGenerator<StoredEvent> {
  // What is passed over does not count, so a limit is asked for as often as it takes.
  for (let cursor = after, left = limit; left > 0; ) {
    const count = Number.isFinite(left) ? left : undefined;
    let taken = 0;
    for await (const events of logEvents(connection, { streams, after: cursor, count })) {
      for (const event of events) {
        taken++;
        cursor = event.position;
        if (!guard.admits(event, verbatim) || event.metadata.at > until) continue;
        yield event;
        if (--left <= 0) return;
      }
    }
    if (count === undefined || taken < count) return;
  }
}
