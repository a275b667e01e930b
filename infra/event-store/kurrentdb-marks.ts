import { isMillraceError } from "../../schemas/errors.ts";
import type { LogMark } from "../log-marks.ts";
import type { HistoryGuard } from "./history-guard.ts";
import type { KurrentDbConnection } from "./kurrentdb-connection.ts";
import { readStream } from "./kurrentdb-read.ts";
import { type AgreedPosition, comparePositions, type Position, START, type StoredEvent } from "./port.ts";

/**
 * A server tells nothing of its own history, but no two events have one id: a mark is an event that was handled, and a
 * log that still holds it, in its stream and at its position, agrees with the store up to there. It is looked for by
 * stream, for a position that is no event's may be refused.
 */
export const eventMark = ({ id, stream, revision, position }: StoredEvent): LogMark => ({
  id: JSON.stringify([stream, String(revision), id]),
  from: Number(position),
});

type Log = { head(): Promise<Position>; isThere(mark: LogMark): Promise<boolean> };

/**
 * The newest of the marks whose event is where it was. Where that is the newest of all, a position beyond it is one of
 * events that nobody could read; that, and a position without marks, is trusted up to the head.
 */
export const agreedMarks = async (
  known: readonly LogMark[],
  position: Position,
  { head, isThere }: Log,
): Promise<AgreedPosition> => {
  const newest = known.length - 1;
  for (let k = newest; k >= 0; k--) {
    if (!(await isThere(known[k]))) continue;
    const end = k === newest ? await head() : String(known[k].from);
    return { position: earlier(position, end), marks: known.slice(0, k + 1), shared: true };
  }
  if (known.length === 0) return { position: earlier(position, await head()), marks: [], shared: true };
  return { position: START, marks: [], shared: false };
};

const earlier = (a: Position, b: Position): Position => (comparePositions(a, b) < 0 ? a : b);

/** Whether the event of a mark is where it was. One in a stream that was shortened or deleted is not. */
export const isThere = async (
  connection: KurrentDbConnection,
  guard: HistoryGuard,
  mark: LogMark,
): Promise<boolean> => {
  const [stream, revision, id] = JSON.parse(mark.id) as [string, string, string];
  try {
    for await (const event of readStream(connection, guard, stream, BigInt(revision), () => undefined)) {
      return event.id === id && event.position === String(mark.from);
    }
  } catch (error) {
    if (!isMillraceError(error, "HISTORY_INCOMPLETE") && !isMillraceError(error, "UNREADABLE_EVENT")) throw error;
  }
  return false;
};
