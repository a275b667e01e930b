import { setTimeout as delay } from "node:timers/promises";
import { type AllStreamSubscription, END } from "@kurrent/kurrentdb-client";
import { MillraceError } from "../../schemas/errors.ts";
import type { KurrentDbConnection } from "./kurrentdb-connection.ts";
import { isPassing } from "./kurrentdb-errors.ts";
import { logPosition, storedEvent, streamFilter } from "./kurrentdb-events.ts";
import { readAll, readHead } from "./kurrentdb-read.ts";
import { comparePositions, type EventStore, type Position, START, type SubscriptionMessage } from "./port.ts";

/** Connections that may break one after the other, each without an event, before the reader is told. */
const maxFailures = 8;
const maxPauseMs = 5000;

/**
 * Reads history, then follows the log from the last event that was taken. Where the connection breaks, both again: no
 * position but that of an event in the reader's hands is gone back to, and none but an earlier one is left out.
 */
export async function* subscribeTo(
  connection: KurrentDbConnection,
  { after = START, prefixes, signal }: Parameters<EventStore["subscribe"]>[0],
): AsyncGenerator<SubscriptionMessage> {
  const stop = AbortSignal.any([signal, connection.closing]);
  let cursor = after;
  let caughtUp = false;
  for (let failures = 0; !stop.aborted; ) {
    try {
      const head = await readHead(connection);
      for await (const event of readAll(connection, { after: cursor, prefixes })) {
        cursor = event.position;
        yield { type: "event", event };
        if (stop.aborted) break;
      }
      if (stop.aborted) break;
      cursor = later(cursor, head);
      if (!caughtUp) yield { type: "caughtUp", position: cursor };
      caughtUp = true;
      for await (const resolved of liveEvents(connection, cursor, prefixes, stop)) {
        const event = storedEvent(resolved);
        if (event === null || comparePositions(event.position, cursor) <= 0) continue;
        failures = 0;
        cursor = event.position;
        yield { type: "event", event };
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

/**
 * Resolves when the server takes a subscription. The part of the client that reads says of refused credentials only
 * that the server is not there; the part that subscribes says which it is.
 */
export const probe = (connection: KurrentDbConnection): Promise<void> =>
  connection.ask(
    (client) =>
      new Promise((resolve, reject) => {
        const subscription = client.subscribeToAll({ fromPosition: END });
        subscription.on("error", reject);
        subscription.once("confirmation", () => {
          endOf(subscription);
          resolve();
        });
      }),
  );

const endOf = (subscription: AllStreamSubscription): void => {
  subscription.unsubscribe().catch(() => undefined);
  subscription.destroy();
};

const later = (a: Position, b: Position): Position => (comparePositions(a, b) < 0 ? b : a);

/** Ends when `stop` is aborted or the server ends it; throws when the connection breaks. */
async function* liveEvents(
  { client }: KurrentDbConnection,
  after: Position,
  prefixes: readonly string[] | undefined,
  stop: AbortSignal,
) {
  if (prefixes?.length === 0) {
    await delay(2 ** 30, undefined, { signal: stop, ref: false }).catch(() => {});
    return;
  }
  const subscription = client.subscribeToAll({ fromPosition: logPosition(after), filter: streamFilter(prefixes) });
  // An error that comes after the reader has left would end the process.
  subscription.on("error", () => undefined);
  const end = (): void => endOf(subscription);
  stop.addEventListener("abort", end, { once: true });
  try {
    if (!stop.aborted) yield* subscription;
  } catch (error) {
    if (!stop.aborted) throw error;
  } finally {
    stop.removeEventListener("abort", end);
    end();
  }
}
