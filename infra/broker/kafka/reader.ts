import { setTimeout as sleep } from "node:timers/promises";
import { MillraceError } from "../../../schemas/errors.ts";
import { sliceBatch } from "../batch.ts";
import { type ConsumeOptions, partitionKey, type Reader, type RecordBatch } from "../port.ts";
import type { Fetched } from "./batch-decoder.ts";
import type { KafkaClient } from "./client.ts";
import { type Fetcher, isPassingFetch } from "./fetcher.ts";
import type { FetchFrom } from "./log-requests.ts";
import type { Topics } from "./topics.ts";

const DEFAULT_RECORDS = 8192;
const DEFAULT_BYTES = 4 << 20;
/** A wait is to learn that there is something, not to get all of it. */
const WAIT_PART_BYTES = 1 << 16;
/** One request waits at most so long: a wait that was given up keeps its connection busy no longer. */
const WAIT_MS = 1_000;
const RETRY_MS = 100;
/** What the last answer of a wait may come later than its end. */
const GRACE_MS = 50;

type Cursor = {
  topic: string;
  partition: number;
  /** Next offset to fetch. */
  next: number;
  /** Fetched and not handed out yet. */
  held: RecordBatch | null;
  /** The fetch that was begun when the last of `held` was handed out. */
  ahead: Promise<Fetched | null> | null;
};

/** Where it reads, and what it must not do any more when the broker is closed. */
export type ReaderContext = { client: KafkaClient; topics: Topics; fetcher: Fetcher; onClose(reader: Reader): void };

export const kafkaReader = ({ client, topics, fetcher, onClose }: ReaderContext, options: ConsumeOptions): Reader => {
  const maxRecords = options.maxRecords ?? DEFAULT_RECORDS;
  const maxBytes = options.maxBytes ?? DEFAULT_BYTES;
  const cursors = new Map<string, Cursor>();
  for (const { topic, partition } of options.partitions) {
    const key = partitionKey(topic, partition);
    cursors.set(key, { topic, partition, next: options.from.get(key) ?? 0, held: null, ahead: null });
  }
  const closing = new AbortController();

  const cursorOf = (topic: string, partition: number): Cursor => {
    if (closing.signal.aborted) throw new MillraceError("CLOSED", "the reader is closed");
    const cursor = cursors.get(partitionKey(topic, partition));
    if (cursor === undefined) {
      throw new MillraceError("ILLEGAL_STATE", `${partitionKey(topic, partition)} was not assigned to this reader`);
    }
    return cursor;
  };

  const fromHere = ({ topic, partition, next }: Cursor, bytes: number): FetchFrom => ({
    topic,
    partition,
    offset: next,
    maxBytes: bytes,
  });

  /** The next piece of what is held. With its last one the next fetch begins. */
  const take = (cursor: Cursor): RecordBatch => {
    const batch = cursor.held as RecordBatch;
    const count = Math.min(maxRecords, recordsWithin(batch, maxBytes));
    if (count < batch.count) {
      cursor.held = sliceBatch(batch, count, batch.count);
      return sliceBatch(batch, 0, count);
    }
    cursor.held = null;
    cursor.ahead = fetcher.now(fromHere(cursor, maxBytes)).catch(() => null);
    return batch;
  };

  const accept = (cursor: Cursor, { batch, next }: Fetched): void => {
    cursor.held = batch;
    cursor.next = next;
  };

  /** What was fetched ahead; a position that was left meanwhile is not moved. */
  const settle = async (cursor: Cursor): Promise<void> => {
    const { ahead } = cursor;
    if (ahead === null) return;
    const fetched = await ahead;
    if (cursor.ahead !== ahead) return;
    cursor.ahead = null;
    if (fetched !== null) accept(cursor, fetched);
  };

  /** One request to each leader; resolves when the first has brought records, or all have ended. */
  const anything = async (waitMs: number): Promise<void> => {
    const parts: Cursor[] = [];
    for (const cursor of cursors.values()) {
      if ((await topics.find(cursor.topic)) !== undefined) parts.push(cursor);
    }
    const requests = [...(await topics.byLeader(parts))].map(async ([leader, own]) => {
      const asked = own.map((cursor) => fromHere(cursor, Math.min(maxBytes, WAIT_PART_BYTES)));
      const fetched = await fetcher.within(leader, asked, waitMs);
      own.forEach((cursor, i) => {
        const got = fetched.get(partitionKey(cursor.topic, cursor.partition));
        const moved = cursor.next !== asked[i].offset || cursor.held !== null || cursor.ahead !== null;
        if (got !== undefined && !moved) accept(cursor, got);
      });
      if (!holding()) throw nothingCame;
    });
    if (requests.length === 0) await sleep(Math.min(waitMs, RETRY_MS));
    await Promise.any(requests).catch((error: AggregateError) => {
      for (const one of error.errors) if (one !== nothingCame) throw one;
    });
  };

  const holding = (): boolean => [...cursors.values()].some(({ held }) => held !== null);

  const untilSomething = async (deadline: number, stop: AbortSignal): Promise<void> => {
    for (const cursor of cursors.values()) await settle(cursor);
    while (!stop.aborted && !holding()) {
      const left = deadline - performance.now();
      if (left <= 0) return;
      try {
        const before = [...cursors.values()].map(({ next }) => next);
        const started = performance.now();
        await anything(Math.ceil(Math.min(left, WAIT_MS)));
        const moved = [...cursors.values()].some(({ next }, i) => next !== before[i]);
        // An answer at once with nothing in it: an offset beyond the log's end.
        if (!holding() && !moved && performance.now() - started < RETRY_MS / 2) {
          await sleep(Math.min(left, RETRY_MS), undefined, { signal: stop });
        }
      } catch (error) {
        if (stop.aborted) return;
        if (!isPassingFetch(error)) throw client.coded(error);
        await sleep(Math.min(left, RETRY_MS), undefined, { signal: stop });
      }
    }
  };

  const reader: Reader = {
    async poll(topic, partition) {
      const cursor = cursorOf(topic, partition);
      await settle(cursor);
      while (cursor.held === null) {
        const from = cursor.next;
        const fetched = await fetcher.now(fromHere(cursor, maxBytes));
        if (closing.signal.aborted) throw new MillraceError("CLOSED", "the reader is closed");
        if (cursor.next !== from) continue;
        accept(cursor, fetched);
        if (fetched.batch === null && fetched.next === from) return null;
      }
      return take(cursor);
    },
    async wait(timeoutMs, signal) {
      const stop = signal === undefined ? closing.signal : AbortSignal.any([closing.signal, signal]);
      if (stop.aborted) return;
      const over = Promise.withResolvers<void>();
      const end = (): void => over.resolve();
      stop.addEventListener("abort", end, { once: true });
      // An engine that is away is waited for no longer than records would be.
      const timer = setTimeout(end, timeoutMs + GRACE_MS);
      const something = untilSomething(performance.now() + timeoutMs, stop);
      something.catch(() => {});
      try {
        await Promise.race([something, over.promise]);
      } finally {
        clearTimeout(timer);
        stop.removeEventListener("abort", end);
      }
    },
    seek(topic, partition, offset) {
      const cursor = cursorOf(topic, partition);
      cursor.next = offset;
      cursor.held = null;
      cursor.ahead = null;
    },
    async close() {
      closing.abort();
      for (const cursor of cursors.values()) {
        cursor.held = null;
        cursor.ahead = null;
      }
      onClose(reader);
    },
  };
  return reader;
};

const nothingCame = new Error("no records came");

/** How many records keep within so many bytes of keys and values; one at least. */
const recordsWithin = ({ count, keyStart, keyEnd, valueStart, valueEnd }: RecordBatch, maxBytes: number): number => {
  let bytes = 0;
  for (let i = 0; i < count; i++) {
    bytes += keyEnd[i] - keyStart[i] + (valueEnd[i] - valueStart[i]);
    if (bytes > maxBytes) return Math.max(1, i);
  }
  return count;
};
