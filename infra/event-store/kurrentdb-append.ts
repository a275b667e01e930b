import {
  type JSONEventData,
  type JSONType,
  jsonEvent,
  NO_STREAM,
  WrongExpectedVersionError,
} from "@kurrent/kurrentdb-client";
import { MillraceError } from "../../schemas/errors.ts";
import { reusedEventIds, wrongExpectedRevision } from "./append-refusals.ts";
import { faultError, incomplete } from "./history-guard.ts";
import type { Deadline, KurrentDbConnection } from "./kurrentdb-connection.ts";
import { deletion, isTombstone, tombstone } from "./kurrentdb-histories.ts";
import { readStreamBackwards } from "./kurrentdb-read.ts";
import { type AppendResult, comparePositions, type NewEvent, type StoredEvent } from "./port.ts";

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** BAD_REQUEST for an id that is no UUID: KurrentDB takes no others. */
export const eventData = ({ id, type, data, metadata }: NewEvent): JSONEventData => {
  if (!uuid.test(id)) throw new MillraceError("BAD_REQUEST", `"${id}" is no UUID in lower case, KurrentDB needs one`);
  return jsonEvent({ id, type, data: (data ?? null) as JSONType, metadata: { ...metadata } });
};

/** Events on their way to a stream. */
export type Appending = { stream: string; rows: readonly JSONEventData[]; deadline: Deadline };

/**
 * Appends at an exact revision (-1 for a stream without events): one request, unless it is refused or its answer is
 * lost. Then, and where the server answers as to a retry, the ids are looked for after that revision.
 * WRONG_EXPECTED_REVISION, IDEMPOTENCY_CONFLICT, HISTORY_INCOMPLETE.
 */
export const appendAt = async (
  connection: KurrentDbConnection,
  appending: Appending,
  expected: bigint,
): Promise<AppendResult> => {
  for (let attempt = 1; ; attempt++) {
    try {
      const seen = connection.newest();
      const answer = await write(connection, appending, expected);
      if (answer !== null && comparePositions(answer.position, seen) > 0) {
        connection.saw(answer.position);
        return answer;
      }
      const earlier = await earlierAnswer(connection, appending, expected);
      if (earlier !== null) return earlier;
      if (answer !== null) return answer;
      throw new MillraceError("ENGINE_REFUSED", `KurrentDB wrote to ${appending.stream} and told no position`);
    } catch (error) {
      if (error instanceof WrongExpectedVersionError) {
        const { earlier, revision } = await writtenSince(connection, appending, expected);
        if (earlier !== null) return earlier;
        throw wrongExpectedRevision(appending.stream, expected < 0n ? "no-stream" : expected, revision);
      }
      if (isTombstone(error)) throw faultError(tombstone(appending.stream));
      await connection.again(error, attempt, appending.deadline);
      const earlier = await earlierAnswer(connection, appending, expected);
      if (earlier !== null) return earlier;
    }
  }
};

/** Null where the server tells no position, as it may when it had the events already. */
const write = async (
  connection: KurrentDbConnection,
  { stream, rows, deadline }: Appending,
  expected: bigint,
): Promise<AppendResult | null> => {
  const streamState = expected < 0n ? NO_STREAM : expected;
  const { nextExpectedRevision: revision, position } = await connection.once(deadline, (client) =>
    client.appendToStream(`${connection.namePrefix}${stream}`, [...rows], { streamState, requiresLeader: true }),
  );
  if (expected < 0n && revision !== BigInt(rows.length) - 1n) {
    throw faultError(incomplete(stream, revision, null, "it was deleted while it was written to"));
  }
  if (position === undefined || position.commit >= 2n ** 63n) return null;
  return { revision, position: String(position.commit), deduplicated: false };
};

/** The answer of the first time, where these very events stand in the stream after a revision. IDEMPOTENCY_CONFLICT. */
export const earlierAnswer = async (
  connection: KurrentDbConnection,
  appending: Appending,
  after: bigint,
): Promise<AppendResult | null> => (await writtenSince(connection, appending, after)).earlier;

type Written = {
  /** Of the newest event; -1 where there is none. */
  revision: bigint;
  earlier: AppendResult | null;
};

/** Looks for the events. IDEMPOTENCY_CONFLICT where some of their ids stand there otherwise. */
const writtenSince = async (
  connection: KurrentDbConnection,
  { stream, rows, deadline }: Appending,
  after: bigint,
): Promise<Written> => {
  const ids = rows.map(({ id }) => id);
  const found = new Map<string, StoredEvent>();
  let revision = -1n;
  for await (const event of readStreamBackwards(connection, stream, deadline)) {
    if (revision < 0n) revision = event.revision;
    if (event.revision <= after) break;
    if (ids.includes(event.id)) found.set(event.id, event);
    if (found.size === ids.length) break;
  }
  return { revision, earlier: found.size === 0 ? null : answerOf(stream, ids, found) };
};

const answerOf = (stream: string, ids: readonly string[], found: ReadonlyMap<string, StoredEvent>): AppendResult => {
  const first = found.get(ids[0]);
  for (const [i, id] of ids.entries()) {
    if (first === undefined || found.get(id)?.revision !== first.revision + BigInt(i)) {
      throw reusedEventIds(stream, ids[0]);
    }
  }
  const { revision, position } = found.get(ids[ids.length - 1]) as StoredEvent;
  return { revision, position, deduplicated: true };
};

/**
 * Begins a stream. Whoever has not read that it never was asks first: the server itself would let one that was deleted
 * begin anew. HISTORY_INCOMPLETE; otherwise as `appendAt`.
 */
export const appendFirst = async (
  connection: KurrentDbConnection,
  appending: Appending,
  isKnownAbsent: boolean,
): Promise<AppendResult> => {
  if (!isKnownAbsent) {
    const { stream, deadline } = appending;
    const { earlier, revision } = await writtenSince(connection, appending, -1n);
    if (earlier !== null) return earlier;
    if (revision >= 0n) throw wrongExpectedRevision(stream, "no-stream", revision);
    const fault = await deletion(connection, stream, deadline);
    if (fault !== null) throw faultError(fault);
  }
  return appendAt(connection, appending, -1n);
};
