import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";
import type { Broker, Reader, RecordBatch } from "../../infra/broker/port.ts";
import { partitionKey } from "../../infra/broker/port.ts";
import { MillraceError } from "../../schemas/errors.ts";

/** One listener of a topic. */
export type Listener = {
  /**
   * `tail`: the newest records of each tick are enough, the others are told to `skipped`.
   * `scan`: every record must be looked at.
   */
  mode: "tail" | "scan";
  batch(batch: RecordBatch): void;
  skipped(count: number): void;
  failed(error: unknown): void;
};

export type TopicFollower = {
  /** Resolves when the feed stands: what is produced afterwards arrives. Answers how to leave. */
  add(listener: Listener): Promise<() => void>;
  close(): Promise<void>;
};

/** At most so many records a partition and tick are read for listeners that take the tail. */
export const TAIL_RECORDS = 256;
/** A scan that is further behind than this leaps to the end: what is live must not become history. */
const MAX_LAG_RECORDS = 200_000;
/** Ticks are at least this far apart, so that a fast stream comes in few large batches. */
const TICK_MS = 50;
const IDLE_MS = 1000;

type Cursor = { partition: number; next: number };

/**
 * Follows one topic from its end for any number of listeners: one reader, each batch read once and handed to all.
 * It reads while somebody listens; the work of a tick is bounded however fast the topic grows.
 */
export const topicFollower = (broker: Broker, topic: string, logger: Logger): TopicFollower => {
  const listeners = new Set<Listener>();
  let stopping: AbortController | null = null;
  let running: Promise<void> = Promise.resolve();
  let standing: Promise<void> = Promise.resolve();

  /** The ends of the partitions now; waits for a topic that is not there yet and takes that one from its start. */
  const open = async (signal: AbortSignal, ready: () => void): Promise<Cursor[]> => {
    let existed = true;
    while ((await broker.topic(topic)) === null) {
      existed = false;
      ready();
      await delay(TICK_MS, undefined, { signal });
    }
    const marks = await broker.watermarks(topic);
    return marks.map(({ low, high }, partition) => ({ partition, next: existed ? high : low }));
  };

  const leap = (reader: Reader, cursor: Cursor, high: number): void => {
    const scanning = [...listeners].some(({ mode }) => mode === "scan");
    const start = Math.max(cursor.next, high - (scanning ? MAX_LAG_RECORDS : TAIL_RECORDS));
    if (start === cursor.next) return;
    for (const listener of listeners) listener.skipped(start - cursor.next);
    reader.seek(topic, cursor.partition, start);
    cursor.next = start;
  };

  const tick = async (reader: Reader, cursors: Cursor[], signal: AbortSignal): Promise<void> => {
    const marks = await broker.watermarks(topic);
    for (const cursor of cursors) {
      const { high } = marks[cursor.partition];
      leap(reader, cursor, high);
      while (cursor.next < high && !signal.aborted) {
        const batch = await reader.poll(topic, cursor.partition);
        if (batch === null || batch.count === 0) break;
        cursor.next = batch.offsets[batch.count - 1] + 1;
        for (const listener of listeners) listener.batch(batch);
      }
    }
  };

  const follow = async (signal: AbortSignal, ready: () => void): Promise<void> => {
    let reader: Reader | null = null;
    try {
      const cursors = await open(signal, ready);
      const partitions = cursors.map(({ partition }) => ({ topic, partition }));
      const from = new Map(cursors.map(({ partition, next }) => [partitionKey(topic, partition), next]));
      reader = broker.reader({ partitions, from, maxRecords: 8192, maxBytes: 8_388_608 });
      ready();
      while (!signal.aborted) {
        await tick(reader, cursors, signal);
        await reader.wait(IDLE_MS, signal);
        await delay(TICK_MS, undefined, { signal });
      }
    } catch (error) {
      if (signal.aborted) return;
      logger.error({ err: error, topic }, "a live feed stopped");
      for (const listener of listeners) listener.failed(error);
      listeners.clear();
      stopping = null;
    } finally {
      ready();
      await reader?.close();
    }
  };

  const stop = (): void => {
    stopping?.abort();
    stopping = null;
  };

  return {
    async add(listener) {
      listeners.add(listener);
      if (stopping === null) {
        const starting = new AbortController();
        const { promise, resolve } = Promise.withResolvers<void>();
        stopping = starting;
        standing = promise;
        running = running.then(() => follow(starting.signal, resolve));
      }
      await standing;
      return () => {
        listeners.delete(listener);
        if (listeners.size === 0) stop();
      };
    },
    async close() {
      stop();
      const closed = new MillraceError("CLOSED", "the server is shutting down; subscribe again");
      for (const listener of listeners) listener.failed(closed);
      listeners.clear();
      await running;
    },
  };
};
