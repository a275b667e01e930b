import { setTimeout as sleep } from "node:timers/promises";
import { MillraceError } from "../../../schemas/errors.ts";
import { sliceBatch } from "../batch.ts";
import { logChanged } from "../log-changed.ts";
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
/** What the first request after records waits at most, and each that follows one which has brought none. */
const FIRST_WAIT_MS = 1_000;
const NEXT_WAIT_MS = 5_000;
const RETRY_MS = 100;
/** Records that are there are answered within this time; if not, a poll after a wait may miss them once. */
const ANSWER_MS = 250;
/** What the last answer of a wait may come later than its end. */
const GRACE_MS = 50;

type Cursor = {
  topic: string;
  partition: number;
  /** The topic's, from the first poll on. */
  id: string | null;
  /** Next offset to fetch. */
  next: number;
  /** Fetched and not handed out yet. */
  held: RecordBatch | null;
  /** The fetch that was begun when the last of `held` was handed out. */
  ahead: Promise<Fetched | null> | null;
  /** Nothing was there when the last wait ended: the next poll need not ask again. */
  dry: boolean;
};

/** A request that waits at a leader. It outlives the wait that began it, and serves the next one. */
type Waiting = { at: readonly Cursor[]; offsets: readonly number[]; began: number; answer: Promise<void> };

/** Where it reads, and what it must not do any more when the broker is closed. */
export type ReaderContext = { client: KafkaClient; topics: Topics; fetcher: Fetcher; onClose(reader: Reader): void };

export const kafkaReader = ({ client, topics, fetcher, onClose }: ReaderContext, options: ConsumeOptions): Reader => {
  const maxRecords = options.maxRecords ?? DEFAULT_RECORDS;
  const maxBytes = options.maxBytes ?? DEFAULT_BYTES;
  const cursors = new Map<string, Cursor>();
  for (const { topic, partition } of options.partitions) {
    const key = partitionKey(topic, partition);
    const next = options.from.get(key) ?? 0;
    cursors.set(key, { topic, partition, id: null, next, held: null, ahead: null, dry: false });
  }
  const closing = new AbortController();
  const underWay = new Map<number, Waiting>();
  let longest = FIRST_WAIT_MS;

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

  /** Compares with what is known: a topic that was made again is looked up anew, for its leaders refuse the old one. */
  const checkId = (cursor: Cursor): void => {
    const id = topics.known(cursor.topic)?.id;
    if (id === undefined) return;
    cursor.id ??= id;
    if (cursor.id !== id) throw logChanged(cursor.topic);
  };

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

  /** Fails with `nothingCame` after `waitMs`. */
  const ask = async (leader: number, at: readonly Cursor[], waitMs: number): Promise<void> => {
    const asked = at.map((cursor) => fromHere(cursor, Math.min(maxBytes, WAIT_PART_BYTES)));
    const began = performance.now();
    const fetched = await fetcher.within(leader, asked, waitMs);
    let moved = false;
    at.forEach((cursor, i) => {
      const got = fetched.get(partitionKey(cursor.topic, cursor.partition));
      if (got === undefined || !isAt(cursor, asked[i].offset)) return;
      accept(cursor, got);
      cursor.dry = got.batch === null && got.next === asked[i].offset;
      moved ||= !cursor.dry;
    });
    longest = holding() ? FIRST_WAIT_MS : NEXT_WAIT_MS;
    if (holding()) return;
    // An answer at once with nothing in it: an offset beyond the log's end.
    const early = performance.now() - began < Math.min(waitMs, RETRY_MS) / 2;
    if (early && !moved) await sleep(Math.min(waitMs, RETRY_MS));
    throw nothingCame;
  };

  const waitAt = (leader: number, at: readonly Cursor[], leftMs: number): Promise<void> => {
    const before = underWay.get(leader);
    if (before !== undefined && serves(before, at)) return before.answer;
    const waitMs = longest === NEXT_WAIT_MS ? longest : Math.ceil(Math.min(leftMs, longest));
    const answer = ask(leader, at, waitMs).finally(() => {
      if (underWay.get(leader)?.answer === answer) underWay.delete(leader);
    });
    answer.catch(() => {});
    underWay.set(leader, { at, offsets: at.map(({ next }) => next), began: performance.now(), answer });
    return answer;
  };

  /** One request to each leader; resolves when the first has brought records, or all have ended. */
  const anything = async (leftMs: number): Promise<void> => {
    const parts: Cursor[] = [];
    for (const cursor of cursors.values()) {
      if ((await topics.find(cursor.topic)) !== undefined) parts.push(cursor);
    }
    const requests = [...(await topics.byLeader(parts))].map(([leader, own]) => waitAt(leader, own, leftMs));
    if (requests.length === 0) await sleep(Math.min(leftMs, RETRY_MS));
    await Promise.any(requests).catch((error: AggregateError) => {
      for (const one of error.errors) if (one !== nothingCame) throw one;
    });
  };

  const holding = (): boolean => [...cursors.values()].some(({ held }) => held !== null);

  const untilSomething = async (deadline: number, stop: AbortSignal): Promise<void> => {
    for (const cursor of cursors.values()) {
      cursor.dry = false;
      await settle(cursor);
    }
    while (!stop.aborted && !holding()) {
      const left = deadline - performance.now();
      if (left <= 0) return;
      try {
        await anything(left);
      } catch (error) {
        if (stop.aborted) return;
        if (!isPassingFetch(error)) throw client.coded(error);
        await sleep(Math.min(left, RETRY_MS), undefined, { signal: stop });
      }
    }
  };

  /** What has waited at a leader for a while would have been answered. */
  const noteDry = (): void => {
    for (const { at, offsets, began } of underWay.values()) {
      if (performance.now() - began < ANSWER_MS) continue;
      at.forEach((cursor, i) => {
        cursor.dry = isAt(cursor, offsets[i]);
      });
    }
  };

  const reader: Reader = {
    async poll(topic, partition) {
      const cursor = cursorOf(topic, partition);
      await settle(cursor);
      checkId(cursor);
      if (cursor.dry && cursor.held === null) {
        cursor.dry = false;
        return null;
      }
      while (cursor.held === null) {
        const from = cursor.next;
        const fetched = await fetcher.now(fromHere(cursor, maxBytes));
        if (closing.signal.aborted) throw new MillraceError("CLOSED", "the reader is closed");
        if (cursor.next !== from) continue;
        checkId(cursor);
        accept(cursor, fetched);
        if (fetched.batch === null && fetched.next === from) return null;
      }
      return take(cursor);
    },
    async wait(timeoutMs, signal) {
      const stop = signal === undefined ? closing.signal : AbortSignal.any([closing.signal, signal]);
      if (stop.aborted) return false;
      const over = Promise.withResolvers<void>();
      const end = (): void => over.resolve();
      stop.addEventListener("abort", end, { once: true });
      // An engine that is away is waited for no longer than records would be.
      const timer = setTimeout(end, timeoutMs + GRACE_MS);
      const something = untilSomething(performance.now() + timeoutMs, stop);
      something.catch(() => {});
      try {
        await Promise.race([something, over.promise]);
        noteDry();
        return holding();
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
      cursor.dry = false;
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

const isAt = ({ next, held, ahead }: Cursor, offset: number): boolean =>
  next === offset && held === null && ahead === null;

const serves = ({ at, offsets }: Waiting, wanted: readonly Cursor[]): boolean =>
  at.length === wanted.length && at.every((cursor, i) => cursor === wanted[i] && isAt(cursor, offsets[i]));

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
