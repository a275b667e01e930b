import type { FoundEvent } from "./history-guard.ts";
import { type KurrentDbConnection, scanMs } from "./kurrentdb-connection.ts";
import type { Streams } from "./kurrentdb-request.ts";
import type { Answer } from "./kurrentdb-wire.ts";
import { comparePositions, type Position, START } from "./port.ts";

type LogRead = { streams: Streams; after?: Position; count?: number };

/**
 * What the log holds after a position, as one read of the server that is held back where the reader is slower; where
 * it breaks it goes on after the last event that was taken. `count` events at most, and what came with the last.
 */
export async function* logAnswers(
  connection: KurrentDbConnection,
  { streams, after = START, count }: LogRead,
): AsyncGenerator<Answer[]> {
  if (streams?.length === 0) return;
  let cursor = after;
  let left = count ?? Number.POSITIVE_INFINITY;
  const patienceMs = count === undefined ? scanMs : undefined;
  let deadline = connection.deadline();
  for (let attempt = 1; ; attempt++) {
    try {
      // A read begins with the event at its position, which was seen.
      const asked = left === Number.POSITIVE_INFINITY ? undefined : left + 1;
      const request = { of: "log", streams, from: cursor, count: asked } as const;
      for await (const answers of connection.read(request, { first: deadline, patienceMs })) {
        const seen = cursor;
        const news = answers.filter((answer) => answer.kind !== "event" || isAfter(answer.event, seen));
        const newest = news.findLast((answer) => answer.kind === "event");
        if (newest !== undefined) {
          cursor = newest.event.position;
          connection.saw(cursor);
          attempt = 1;
        }
        yield news;
        deadline = connection.deadline();
        left -= news.length;
        if (left <= 0) return;
      }
      return;
    } catch (error) {
      await connection.again(error, attempt, deadline);
    }
  }
}

const isAfter = ({ position }: FoundEvent, seen: Position): boolean => comparePositions(position, seen) > 0;

/** The events of `logAnswers`, by our own names of streams; more than `count` perhaps. */
export async function* logEvents(connection: KurrentDbConnection, read: LogRead): AsyncGenerator<FoundEvent[]> {
  for await (const answers of logAnswers(connection, read)) {
    const events = eventsOf(connection, answers);
    if (events.length > 0) yield events;
  }
}

/** The events among answers, by our own names of streams. */
export const eventsOf = (connection: KurrentDbConnection, answers: readonly Answer[]): FoundEvent[] => {
  const events: FoundEvent[] = [];
  for (const answer of answers) if (answer.kind === "event") events.push(ownEvent(connection, answer.event));
  return events;
};

/** The event by our own name of its stream. */
export const ownEvent = ({ namePrefix }: Pick<KurrentDbConnection, "namePrefix">, event: FoundEvent): FoundEvent => {
  if (namePrefix !== "") event.stream = event.stream.slice(namePrefix.length);
  return event;
};

/** The items of the lists, one after the other. */
export async function* flat<T>(lists: AsyncIterable<readonly T[]>): AsyncGenerator<T> {
  for await (const list of lists) yield* list;
}
