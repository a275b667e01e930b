import { fork } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { type JSONType, jsonEvent, KurrentDBClient, NO_STREAM, streamNameFilter } from "@kurrent/kurrentdb-client";
import { kurrentDbEventStore } from "../infra/event-store/kurrentdb.ts";
import type { EventStore, NewEvent } from "../infra/event-store/port.ts";
import { event } from "./event.ts";
import { type BenchResult, rssMb } from "./result.ts";

const turns = 3;
const writerCounts = [1, 16, 64] as const;

/** Appends one event to the stream at the revision of the last one. */
type Appender = (stream: string, event: NewEvent, revision: bigint) => Promise<bigint>;

/** Appends a second of so many writers, each to a stream of its own and waiting for its last one. */
const appendRate = async (append: Appender, writers: number, ms: number): Promise<number> => {
  const until = performance.now() + ms;
  const from = performance.now();
  let done = 0;
  const write = async (): Promise<void> => {
    const stream = `bench-${randomUUID()}`;
    for (let revision = -1n; performance.now() < until; done++) revision = await append(stream, event(), revision);
  };
  await Promise.all(Array.from({ length: writers }, write));
  return (done * 1000) / (performance.now() - from);
};

const rate = async (items: AsyncIterable<unknown>): Promise<number> => {
  const from = performance.now();
  let count = 0;
  for await (const _ of items) count++;
  return (count * 1000) / (performance.now() - from);
};

/** Milliseconds of the middle of so many reads of a stream of one event. */
const readMs = async (store: EventStore, reads: number): Promise<number> => {
  const stream = `bench-${randomUUID()}`;
  await store.append(stream, [event()], "any");
  const took: number[] = [];
  for (let i = 0; i < reads; i++) {
    const from = performance.now();
    for await (const _ of store.readStream(stream));
    took.push(performance.now() - from);
  }
  return took.sort((a, b) => a - b)[reads >> 1];
};

/** A server's URL, or that of a double of it in a process of its own. */
const serverAt = async (given: string): Promise<{ url: string; stop(): void }> => {
  if (given !== "kurrentdb") return { url: given, stop: () => {} };
  const child = fork(fileURLToPath(new URL("../test/engines/kurrentdb-double.child.ts", import.meta.url)));
  const [url] = (await once(child, "message")) as [string];
  return { url, stop: () => child.disconnect() };
};

const round = (value: number): string => Math.round(value).toLocaleString("en-US");

/**
 * Events a second that 64 writers append to KurrentDB; the ceiling is its client alone, which does nothing else. Both
 * take turns, so that a noisy machine is noisy for both. `kurrentdb` measures over the tests' double of the server.
 */
export const runKurrentDb = async (given: string, seconds: number): Promise<BenchResult> => {
  const { url, stop } = await serverAt(given);
  const store = await kurrentDbEventStore(url, { streams: ["bench-"] });
  const bare = KurrentDBClient.connectionString(url);
  const ours: Appender = async (stream, event, revision) =>
    (await store.append(stream, [event], revision < 0n ? "any" : revision)).revision;
  const alone: Appender = async (stream, { id, type, data, metadata }, revision) => {
    const rows = [jsonEvent({ id, type, data: data as JSONType, metadata: { ...metadata } })];
    const streamState = revision < 0n ? NO_STREAM : revision;
    return (await bare.appendToStream(stream, rows, { streamState })).nextExpectedRevision;
  };
  const ms = (seconds * 1000) / turns / writerCounts.length;
  const notes: string[] = [];
  let [figure, ceiling] = [0, 0];
  try {
    for (const writers of writerCounts) {
      [figure, ceiling] = [0, 0];
      for (let turn = 0; turn < turns; turn++) {
        figure += (await appendRate(ours, writers, ms)) / turns;
        ceiling += (await appendRate(alone, writers, ms)) / turns;
      }
      const ratio = (figure / ceiling).toFixed(2);
      notes.push(`${writers} writers: ${round(figure)} appends/s, the client alone ${round(ceiling)}: ${ratio}`);
    }
    const filter = streamNameFilter({ prefixes: ["bench-"] });
    const [read, readAlone] = [await rate(store.readAll()), await rate(bare.readAll({ filter }))];
    notes.push(
      `read all: ${round(read)} events/s, the client alone ${round(readAlone)}: ${(read / readAlone).toFixed(2)}`,
    );
    notes.push(`read a stream of one event: ${(await readMs(store, 200)).toFixed(2)} ms (p50)`);
    return { name: "append", figure, unit: "appends/s", ceiling, ratio: figure / ceiling, rssMb: rssMb(), notes };
  } finally {
    await store.close();
    await bare.dispose();
    stop();
  }
};
