import type { Aggregate } from "../../schemas/lifecycle.ts";
import type { LogMark } from "../log-marks.ts";

/**
 * The event store: one ordered log of lifecycle facts, cut into streams.
 *
 * Promises, held by every adapter and by `test/contracts/event-store.contract.ts`:
 * - `append` writes all events or none, at the expected revision or not at all (WRONG_EXPECTED_REVISION).
 *   A retry with the same event ids answers as the first time and writes nothing.
 * - Revisions are 0-based and dense in a stream. Positions are opaque, totally ordered by `comparePositions`,
 *   and grow in the one global order in which every reader sees the events.
 * - `subscribe` yields history after `from`, then `caughtUp` once, then live events, without gap or repeat.
 *   Persist only positions of events that you have handled, and beside them the log's mark (`mark`): the log may lose
 *   its newest events in a restore, or be another log, and a position alone does not tell. `agreed` does.
 *
 * - What cannot be read stops only its own stream. `readStream` throws there: UNREADABLE_EVENT and UNKNOWN_EVENT for an
 *   event that is not what this release writes, HISTORY_INCOMPLETE where the stream was deleted or events before are
 *   gone. `readAll` leaves out the event and all that follow it in its stream, as `subscribe` does, which tells their
 *   positions as `skipped`. `faults` names them.
 * - A stream that was deleted is not begun anew: an append of "no-stream" to it is HISTORY_INCOMPLETE.
 * - Each call ends within a deadline of the adapter, in ENGINE_UNAVAILABLE where the engine does not answer. Whether an
 *   append that ended so was written is then unknown; with the same ids and expectation it may be repeated.
 *
 * `deduplicated` may be false for a retry whose first try this store has not seen the position of: KurrentDB recognises
 * retries and does not say so.
 *
 * Left out on purpose: deletion, server-side projections, persistent subscriptions.
 */
export type EventMetadata = {
  /** One for all that follows from one request, given by whoever asked or the first command's id. */
  $correlationId: string;
  /** Id of what led to the event: the command or, where an event or a record led to that, this one. */
  $causationId: string;
  actor: string;
  project: string;
  /** Of an aggregate's events, what the stream's name says, too; older releases did not write it. */
  aggregate?: Aggregate;
  id?: string;
  /** The event type's version when it was written; upcasters start from it. */
  schemaVersion: number;
  /** When the command was decided, UTC milliseconds. */
  at: number;
  /** Free text of the actor, where given. */
  reason?: string;
};

export type NewEvent = { id: string; type: string; data: unknown; metadata: EventMetadata };

export type Position = string;

export type StoredEvent = NewEvent & { stream: string; revision: bigint; position: Position };

export type ExpectedRevision = bigint | "no-stream" | "any";

export type AppendResult = { revision: bigint; position: Position; deduplicated: boolean };

export type ReadAllOptions = {
  /** Exclusive; from the start without it. */
  after?: Position;
  /** Only streams whose name starts with one of these. */
  prefixes?: readonly string[];
  /** Only events whose `metadata.at` is at most this, UTC milliseconds. */
  until?: number;
  limit?: number;
  /** See `subscribe`. */
  verbatim?: boolean;
};

export type SubscriptionMessage =
  | { type: "event"; event: StoredEvent }
  /** An event that cannot be read, or follows one in its stream. */
  | { type: "skipped"; stream: string; position: Position }
  | { type: "caughtUp"; position: Position };

/** Why a stream cannot be read beyond a revision. */
export type Fault = {
  code: "UNREADABLE_EVENT" | "UNKNOWN_EVENT" | "HISTORY_INCOMPLETE";
  stream: string;
  revision: bigint;
  /** Null where there is no event to stand for the fault. */
  position: Position | null;
  /** For people: names all of the above. */
  message: string;
};

/** As `Agreement`, with the position of the last event instead of a next place. */
export type AgreedPosition = { position: Position; marks: readonly LogMark[]; shared: boolean };

export type EventStore = {
  append(stream: string, events: readonly NewEvent[], expected: ExpectedRevision): Promise<AppendResult>;
  /** Events of one stream in order, from a revision (inclusive). An unknown stream yields nothing. */
  readStream(stream: string, from?: bigint): AsyncIterable<StoredEvent>;
  readAll(options?: ReadAllOptions): AsyncIterable<StoredEvent>;
  subscribe(options: {
    after?: Position;
    prefixes?: readonly string[];
    signal: AbortSignal;
    /**
     * For those who keep events without folding them: also events that this release does not know, and what follows
     * one that cannot be read. Only that one is left out.
     */
    verbatim?: boolean;
  }): AsyncIterable<SubscriptionMessage>;
  /** Position of the newest event; "0" when there is none. */
  head(): Promise<Position>;
  /** The first fault of each stream that `readAll` and `subscribe` have left something out of, by stream. */
  faults(): ReadonlyMap<string, Fault>;
  /** Reads the whole log for faults, one a stream; it takes as long as that. */
  examine(): AsyncIterable<Fault>;
  /** The mark to keep beside the position of an event that was handled, taken before what it led to is written. */
  mark(handled: StoredEvent): Promise<LogMark>;
  /** How far a store that has handled everything up to `position`, and kept these marks, agrees with this log. */
  agreed(marks: readonly LogMark[], position: Position): Promise<AgreedPosition>;
  close(): Promise<void>;
};

/** The position before every event. */
export const START: Position = "0";

/** Positions are decimal numbers (KurrentDB: commit position), compared as such. */
export const comparePositions = (a: Position, b: Position): number =>
  a.length === b.length ? (a < b ? -1 : a > b ? 1 : 0) : a.length - b.length;
