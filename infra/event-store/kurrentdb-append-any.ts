import { setTimeout as delay } from "node:timers/promises";
import { isMillraceError, MillraceError } from "../../schemas/errors.ts";
import { type Appending, appendAt, earlierAnswer } from "./kurrentdb-append.ts";
import type { KurrentDbConnection } from "./kurrentdb-connection.ts";
import { readStreamBackwards } from "./kurrentdb-read.ts";
import type { AppendResult } from "./port.ts";

/** What is known of a stream: its newest revision, and the ids of all its events. */
type Tail = { revision: bigint; ids: Set<string> };

const maxAttempts = 100;
/** Ids that are kept, over all streams; some 10 MB. */
const maxIds = 100_000;

/**
 * Appends wherever a stream ends. KurrentDB promises to recognise a retry at an exact revision only, so the revision is
 * always exact: that of the last append here, or of a stream that was read whole once. With the ids of all its events
 * known, a retry is recognised however late it comes; what others append in between shows as a refusal, and is read
 * before the next try. Appends to one stream take turns.
 */
export const anywhereAppender = (
  connection: KurrentDbConnection,
): ((appending: Appending) => Promise<AppendResult>) => {
  const tails = new Map<string, Tail>();
  const turns = new Map<string, Promise<unknown>>();
  let kept = 0;

  const forget = (stream: string): void => {
    kept -= tails.get(stream)?.ids.size ?? 0;
    tails.delete(stream);
  };
  /** The stream that was written to last is forgotten last. */
  const keep = (stream: string, tail: Tail): void => {
    kept += tail.ids.size;
    tails.set(stream, tail);
    for (const oldest of tails.keys()) {
      if (kept <= maxIds) break;
      forget(oldest);
    }
  };

  /** Reads what the stream has gained. */
  const read = async (known: Tail, { stream, deadline }: Appending): Promise<Tail> => {
    let newest: bigint | null = null;
    for await (const { id, revision } of readStreamBackwards(connection, stream, deadline)) {
      newest ??= revision;
      if (revision <= known.revision) break;
      known.ids.add(id);
    }
    return { revision: newest ?? -1n, ids: known.ids };
  };

  const append = async (appending: Appending): Promise<AppendResult> => {
    const { stream, rows } = appending;
    let tail = tails.get(stream) ?? (await read({ revision: -1n, ids: new Set() }, appending));
    forget(stream);
    for (let attempt = 1; attempt <= maxAttempts; attempt++) {
      if (rows.some(({ id }) => tail.ids.has(id))) {
        const earlier = await earlierAnswer(connection, appending, -1n);
        keep(stream, tail);
        if (earlier !== null) return earlier;
      }
      try {
        const answer = await appendAt(connection, appending, tail.revision);
        for (const { id } of rows) tail.ids.add(id);
        keep(stream, { revision: answer.revision, ids: tail.ids });
        return answer;
      } catch (error) {
        if (!isMillraceError(error, "WRONG_EXPECTED_REVISION")) throw error;
        await delay(Math.random() * Math.min(50, 2 ** attempt));
        const before = tail.revision;
        tail = await read(tail, appending);
        // A stream that is shorter than it was is another stream: the server was restored.
        if (tail.revision <= before) tail = await read({ revision: -1n, ids: new Set() }, appending);
      }
    }
    throw new MillraceError("CONFLICT", `others kept writing to ${stream}: try again`);
  };

  return async (appending) => {
    const { stream } = appending;
    const turn = (turns.get(stream) ?? Promise.resolve()).then(
      () => append(appending),
      () => append(appending),
    );
    turns.set(stream, turn);
    try {
      return await turn;
    } finally {
      if (turns.get(stream) === turn) turns.delete(stream);
    }
  };
};
