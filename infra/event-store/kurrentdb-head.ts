import { type Deadline, type KurrentDbConnection, scanMs } from "./kurrentdb-connection.ts";
import { flat, logEvents } from "./kurrentdb-log.ts";
import type { ReadRequest, Streams } from "./kurrentdb-request.ts";
import { comparePositions, type Position, START } from "./port.ts";

/**
 * The position of our newest event. On a server that others write to, it may lie far behind the log's end, and the
 * server would look through all of theirs at each question: so it is asked for the newest event of all, and then for
 * ours since the last time.
 */
export const headOf = (connection: KurrentDbConnection, streams: Streams): (() => Promise<Position>) => {
  let known: { end: Position; head: Position } | null = null;

  return async () => {
    const end = await newest(connection, "everyone");
    const before = known;
    // A server that was restored from a backup ends before what was seen.
    const isRestored = before !== null && comparePositions(end, before.end) < 0;
    if (isRestored) connection.forget();
    connection.saw(end);
    if (before === null || isRestored) {
      const head = await newest(connection, streams, { at: performance.now() + scanMs });
      known = { end, head };
      return head;
    }
    let { head } = before;
    if (end !== before.end) {
      for await (const events of logEvents(connection, { streams, after: before.end })) {
        head = events[events.length - 1].position;
      }
    }
    // Questions may cross: what was seen last is not taken back by who asked first.
    if (known === null || comparePositions(end, known.end) >= 0) known = { end, head };
    return head;
  };
};

const newest = async (
  connection: KurrentDbConnection,
  streams: Streams | "everyone",
  deadline: Deadline = connection.deadline(),
): Promise<Position> => {
  const request: ReadRequest = { of: "end", streams, count: 1 };
  for (let attempt = 1; ; attempt++) {
    try {
      for await (const answer of flat(connection.read(request, { first: deadline }))) {
        if (answer.kind === "event") return answer.event.position;
        if (answer.kind === "metadata") return answer.position;
      }
      return START;
    } catch (error) {
      await connection.again(error, attempt, deadline);
    }
  }
};
