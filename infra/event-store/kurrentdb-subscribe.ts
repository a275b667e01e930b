import { setTimeout as delay } from "node:timers/promises";
import { MillraceError } from "../../schemas/errors.ts";
import { type FoundEvent, type HistoryGuard, skipped } from "./history-guard.ts";
import type { KurrentDbConnection } from "./kurrentdb-connection.ts";
import { isPassing } from "./kurrentdb-errors.ts";
import { eventsOf, flat, logEvents } from "./kurrentdb-log.ts";
import type { Streams } from "./kurrentdb-request.ts";
import { comparePositions, type Position, START, type SubscriptionMessage } from "./port.ts";

/** Connections that may break one after the other, each without an event, before the reader is told. */
const maxFailures = 8;
const maxPauseMs = 5000;

type Subscribing = {
  connection: KurrentDbConnection;
  guard: HistoryGuard;
  head: () => Promise<Position>;
  streams: Streams;
  after?: Position;
  signal: AbortSignal;
  verbatim?: boolean;
};

/**
 * Reads history, then follows the log from the last event that was taken. Where the connection breaks, both again: no
 * position but that of an event in the reader's hands is gone back to, and none but an earlier one is left out.
 */
export async function* subscribeTo(subscribing: Subscribing): AsyncGenerator<SubscriptionMessage> {
  const { connection, guard, head: newest, streams, after = START, signal, verbatim } = subscribing;
  const stop = AbortSignal.any([signal, connection.closing]);
  const messageOf = (event: FoundEvent): SubscriptionMessage =>
    guard.admits(event, verbatim) ? { type: "event", event } : skipped(event);
  let cursor = after;
  let caughtUp = false;
  for (let failures = 0; !stop.aborted; ) {
    try {
      const head = await newest();
      for await (const events of logEvents(connection, { streams, after: cursor })) {
        for (const event of events) {
          cursor = event.position;
          yield messageOf(event);
          if (signal.aborted) return;
        }
        if (stop.aborted) break;
      }
      if (stop.aborted) break;
      cursor = later(cursor, head);
      if (!caughtUp) yield { type: "caughtUp", position: cursor };
      caughtUp = true;
      for await (const event of flat(liveEvents(connection, cursor, streams, stop))) {
        if (comparePositions(event.position, cursor) <= 0) continue;
        failures = 0;
        cursor = event.position;
        yield messageOf(event);
        if (stop.aborted) break;
      }
    } catch (error) {
      if (stop.aborted) break;
      if (!isPassing(error) || ++failures === maxFailures) throw connection.coded(error);
    }
    const pauseMs = Math.min(maxPauseMs, 100 * 2 ** failures) * (0.5 + Math.random());
    await delay(pauseMs, undefined, { signal: stop }).catch(() => {});
  }
  if (connection.closing.aborted && !signal.aborted) {
    throw new MillraceError("CLOSED", "the event store was closed under a subscription");
  }
}

const later = (a: Position, b: Position): Position => (comparePositions(a, b) < 0 ? b : a);

/** Ends when `stop` is aborted or the server ends it; throws when the connection breaks. */
async function* liveEvents(
  connection: KurrentDbConnection,
  after: Position,
  streams: Streams,
  stop: AbortSignal,
): AsyncGenerator<FoundEvent[]> {
  if (streams?.length === 0) {
    await delay(2 ** 30, undefined, { signal: stop, ref: false }).catch(() => {});
    return;
  }
  const request = { of: "subscription", streams, after } as const;
  for await (const answers of connection.read(request, { first: connection.deadline(), stop })) {
    yield eventsOf(connection, answers);
  }
}
