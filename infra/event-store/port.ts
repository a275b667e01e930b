/**
 * The event store: one ordered log of lifecycle facts, cut into streams.
 *
 * Promises, held by every adapter and by `test/contracts/event-store.contract.ts`:
 * - `append` writes all events or none, at the expected revision or not at all (WRONG_EXPECTED_REVISION).
 *   A retry with the same event ids answers as the first time and writes nothing.
 * - Revisions are 0-based and dense in a stream. Positions are opaque, totally ordered by `comparePositions`,
 *   and grow in the one global order in which every reader sees the events.
 * - `subscribe` yields history after `from`, then `caughtUp` once, then live events, without gap or repeat.
 *   Persist only positions of events that you have handled.
 *
 * Left out on purpose: deletion, server-side projections, persistent subscriptions.
 */
export type EventMetadata = {
  $correlationId: string;
  $causationId: string;
  actor: string;
  project: string;
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
};

export type SubscriptionMessage = { type: "event"; event: StoredEvent } | { type: "caughtUp"; position: Position };

export type EventStore = {
  append(stream: string, events: readonly NewEvent[], expected: ExpectedRevision): Promise<AppendResult>;
  /** Events of one stream in order, from a revision (inclusive). An unknown stream yields nothing. */
  readStream(stream: string, from?: bigint): AsyncIterable<StoredEvent>;
  readAll(options?: ReadAllOptions): AsyncIterable<StoredEvent>;
  subscribe(options: {
    after?: Position;
    prefixes?: readonly string[];
    signal: AbortSignal;
  }): AsyncIterable<SubscriptionMessage>;
  /** Position of the newest event; "0" when there is none. */
  head(): Promise<Position>;
  close(): Promise<void>;
};

/** The position before every event. */
export const START: Position = "0";

/** Positions are decimal numbers (KurrentDB: commit position), compared as such. */
export const comparePositions = (a: Position, b: Position): number =>
  a.length === b.length ? (a < b ? -1 : a > b ? 1 : 0) : a.length - b.length;
