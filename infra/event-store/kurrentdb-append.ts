import { setTimeout as delay } from "node:timers/promises";
import { type JSONEventData, NO_STREAM, WrongExpectedVersionError } from "@kurrent/kurrentdb-client";
import { MillraceError } from "../../schemas/errors.ts";
import { reusedEventIds, wrongExpectedRevision } from "./append-refusals.ts";
import type { KurrentDbConnection } from "./kurrentdb-connection.ts";
import { isPassing } from "./kurrentdb-errors.ts";
import { eventData } from "./kurrentdb-events.ts";
import { readStreamBackwards } from "./kurrentdb-read.ts";
import type { AppendResult, ExpectedRevision, NewEvent, StoredEvent } from "./port.ts";

const maxAttempts = 100;
/** Times that a server which does not answer is tried within one append. */
const maxFailures = 5;

/**
 * Appends at the revision that was just read, so that one way serves every expectation, and looks for the ids first:
 * KurrentDB recognises a retry too, but promises it for exact revisions only and does not say that it did.
 * An append whose answer is lost is looked for in the same way, so it is never written twice.
 */
export const appendTo = async (
  connection: KurrentDbConnection,
  stream: string,
  events: readonly NewEvent[],
  expected: ExpectedRevision,
): Promise<AppendResult> => {
  const rows = events.map(eventData);
  const ids = rows.map(({ id }) => id);
  // What this append wrote at an earlier try stands after the revision that it expects.
  const after = typeof expected === "bigint" ? expected : -1n;
  let failures = 0;
  for (let attempt = 1; attempt <= maxAttempts; attempt++) {
    const { revision, found } = await tailOf(connection, stream, ids, after);
    if (found.size > 0) return earlierAnswer(stream, ids, found);
    if (expected !== "any" && revision !== (expected === "no-stream" ? -1n : expected)) {
      throw wrongExpectedRevision(stream, expected, revision);
    }
    try {
      return await write(connection, stream, rows, revision);
    } catch (error) {
      if (error instanceof WrongExpectedVersionError) await delay(Math.random() * Math.min(50, 2 ** attempt));
      else if (!isPassing(error) || ++failures === maxFailures || connection.closing.aborted) {
        throw connection.coded(error);
      } else await delay(100 * 2 ** failures * (0.5 + Math.random()));
    }
  }
  throw new MillraceError("CONFLICT", `others kept writing to ${stream}: try again`);
};

type Tail = {
  /** Of the newest event; -1 where there is none. */
  revision: bigint;
  /** Those of the ids that are in the stream after a revision. */
  found: ReadonlyMap<string, StoredEvent>;
};

const tailOf = async (
  connection: KurrentDbConnection,
  stream: string,
  ids: readonly string[],
  after: bigint,
): Promise<Tail> => {
  const found = new Map<string, StoredEvent>();
  let revision = -1n;
  for await (const event of readStreamBackwards(connection, stream)) {
    if (revision < 0n) revision = event.revision;
    if (event.revision <= after) break;
    if (ids.includes(event.id)) found.set(event.id, event);
    if (found.size === ids.length) break;
  }
  return { revision, found };
};

/** The answer of the first time, where these very events are in the stream in their order. IDEMPOTENCY_CONFLICT. */
const earlierAnswer = (
  stream: string,
  ids: readonly string[],
  found: ReadonlyMap<string, StoredEvent>,
): AppendResult => {
  const first = found.get(ids[0]);
  for (const [i, id] of ids.entries()) {
    if (first === undefined || found.get(id)?.revision !== first.revision + BigInt(i)) {
      throw reusedEventIds(stream, ids[0]);
    }
  }
  const { revision, position } = found.get(ids[ids.length - 1]) as StoredEvent;
  return { revision, position, deduplicated: true };
};

const write = async (
  connection: KurrentDbConnection,
  stream: string,
  rows: readonly JSONEventData[],
  current: bigint,
): Promise<AppendResult> => {
  const streamState = current < 0n ? NO_STREAM : current;
  const answer = await connection.once((client) => client.appendToStream(stream, [...rows], { streamState }));
  if (answer.position === undefined) {
    throw new MillraceError("ENGINE_REFUSED", `KurrentDB wrote to ${stream} and told no position`);
  }
  return { revision: answer.nextExpectedRevision, position: String(answer.position.commit), deduplicated: false };
};
