import { setTimeout as pause } from "node:timers/promises";
import type { EventStore, Position, StoredEvent } from "../infra/event-store/port.ts";
import { comparePositions, START } from "../infra/event-store/port.ts";
import { type LogMark, withMark } from "../infra/log-marks.ts";
import type { Entry, IndexEntry, OnlineStore } from "../infra/online-store/port.ts";
import type { Tried } from "../infra/report.ts";
import { isMillraceError } from "../schemas/errors.ts";
import { eventBatches } from "./event-batches.ts";
import { encodeMarks, marksKey, positionKey, readMarks } from "./generations.ts";
import { encodeSkipped, readSkipped, skippedKey } from "./skipped-streams.ts";

export type ChannelMessage = { channel: string; message: string };

/** What a fold of one batch asks to be written, and what to tell afterwards. */
export type Changes = {
  entries: Entry[];
  index: IndexEntry[];
  /** Keys that a reader may have cached. */
  keys: string[];
  /** For subscribers: what happened in the batch's events after this position. */
  messages(after: Position): ChannelMessage[];
  /** Streams that could not be folded beyond an event, since the beginning. */
  skipped?: Iterable<string>;
};

export type Projection = {
  /** The name by which it is rebuilt. */
  name: string;
  /** Raised when the same events give other documents: the new version is then built beside the old one. */
  version: number;
  /** Every key and index of a generation begins with it. */
  prefix(generation: number): string;
  /** A fold with a memory of its own. After a failed write it must not be used again. */
  open(onlineStore: OnlineStore, generation: number): { fold(events: readonly StoredEvent[]): Promise<Changes> };
};

export type WrittenBatch = {
  /** Position before it. */
  from: Position;
  position: Position;
  events: number;
  caughtUp: boolean;
  changes: Changes;
};

export type Follower = {
  position(): Position;
  /** Resolves when everything up to this position is written. */
  reached(position: Position): Promise<void>;
  /** Finishes the batch in hand. */
  stop(): Promise<void>;
  /** Resolves when it was stopped; rejects with what ended it. */
  done: Promise<void>;
};

/** Enough to fold many events into one write; few enough to be held in memory and not to hold the loop for long. */
const MAX_EVENTS = 10_000;
const RETRY_MS = 250;

/**
 * Folds the event store into one generation, from its checkpoint on. Documents and checkpoint are one write.
 * `done` rejects with ONLINE_STORE_CHANGED when the store has lost that checkpoint, and with it perhaps documents.
 */
export const follow = (options: {
  projection: Projection;
  generation: number;
  eventStore: EventStore;
  onlineStore: OnlineStore;
  signal: AbortSignal;
  maxEvents?: number;
  /** Told of each failed try to write, and of the write that succeeds. */
  tried?: Tried;
  /** Called after each write, before the next batch. */
  onBatch(batch: WrittenBatch): Promise<void>;
}): Follower => {
  const { projection, generation, eventStore, onlineStore } = options;
  const prefix = projection.prefix(generation);
  const stopping = new AbortController();
  const signal = AbortSignal.any([options.signal, stopping.signal]);
  const waiters = new Set<{ position: Position; resolve: () => void }>();
  let position: Position = START;

  /** The checkpoint that the store holds; null for none. */
  let stored: Buffer | null = null;
  /** Of the log that the checkpoint is in. */
  let marks: readonly LogMark[] = [];

  const write = async (entries: Entry[], index: IndexEntry[], checkpoint: Buffer): Promise<boolean> => {
    while (!signal.aborted) {
      try {
        await onlineStore.setMany(entries, index, [{ key: positionKey(prefix), value: stored }]);
        stored = checkpoint;
        options.tried?.worked();
        return true;
      } catch (error) {
        if (!isMillraceError(error) || !error.retryable) throw error;
        options.tried?.failed(error);
        await pause(RETRY_MS, undefined, { signal }).catch(() => {});
      }
    }
    return false;
  };

  const run = async (): Promise<void> => {
    stored = await onlineStore.get(positionKey(prefix));
    position = stored?.toString() ?? START;
    const skipped = await readSkipped(onlineStore, prefix);
    marks = (await eventStore.agreed(await readMarks(onlineStore, prefix), position)).marks;
    const folding = projection.open(onlineStore, generation);
    const maxEvents = options.maxEvents ?? MAX_EVENTS;
    for await (const batch of eventBatches(eventStore, { after: position, signal, maxEvents, lingerMs: 0 })) {
      const changes = await folding.fold(batch.events);
      const checkpoint = Buffer.from(batch.position);
      changes.entries.push({ key: positionKey(prefix), value: checkpoint, offset: Number(batch.position) });
      const news = [...batch.skipped, ...(changes.skipped ?? [])].filter((stream) => !skipped.has(stream));
      for (const stream of news) skipped.add(stream);
      if (news.length > 0) changes.entries.push({ key: skippedKey(prefix), value: encodeSkipped(skipped) });
      const last = batch.events.at(-1);
      if (last !== undefined) {
        marks = withMark(marks, await eventStore.mark(last));
        changes.entries.push({ key: marksKey(prefix), value: encodeMarks(marks) });
      }
      const isEmpty = batch.events.length === 0 && news.length === 0;
      if (!isEmpty && !(await write(changes.entries, changes.index, checkpoint))) return;
      const from = position;
      position = batch.position;
      for (const waiter of waiters) {
        if (comparePositions(waiter.position, position) > 0) continue;
        waiters.delete(waiter);
        waiter.resolve();
      }
      await options.onBatch({ from, position, events: batch.events.length, caughtUp: batch.caughtUp, changes });
    }
  };
  const done = run();
  done.catch(() => {});

  return {
    position: () => position,
    reached(wanted) {
      if (comparePositions(wanted, position) <= 0) return Promise.resolve();
      const reached = new Promise<void>((resolve) => {
        waiters.add({ position: wanted, resolve });
      });
      return Promise.race([reached, done]);
    },
    async stop() {
      stopping.abort();
      await done;
    },
    done,
  };
};
