import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { batchBuilder } from "../infra/broker/batch-builder.ts";
import type { OutputRecord } from "../infra/broker/port.ts";
import { sqliteBroker } from "../infra/broker/sqlite.ts";
import { sqliteEventStore } from "../infra/event-store/sqlite.ts";
import { openSqlite } from "../infra/sqlite/database.ts";
import { event } from "./event.ts";
import type { BenchResult } from "./result.ts";

const BATCH = 1000;
const KEY_BYTES = 12;
const VALUE_BYTES = 188;
const WRITERS = 64;

const keyOf = (i: number): string => `key-${i % 1000}`.padEnd(KEY_BYTES, "-");

const records = (count: number): OutputRecord[] =>
  Array.from({ length: count }, (_, i) => ({
    key: keyOf(i),
    value: Buffer.alloc(VALUE_BYTES, i),
    timestamp: 1_000_000_000_000 + i,
  }));

/** Repeats `work` for so long; answers what it counted a second. */
const rate = async (ms: number, work: () => number | Promise<number>): Promise<number> => {
  const from = performance.now();
  let done = 0;
  while (performance.now() - from < ms) done += await work();
  return (done * 1000) / (performance.now() - from);
};

/** A fresh file for one measurement, so that none inherits another's size. */
const withFile = async <T>(measure: (path: string) => Promise<T>): Promise<T> => {
  const dir = mkdtempSync(join(tmpdir(), "millrace-bench-"));
  try {
    return await measure(join(dir, "bench.db"));
  } finally {
    rmSync(dir, { recursive: true });
  }
};

const produced = (ms: number, batch: number): Promise<number> =>
  withFile(async (path) => {
    const broker = sqliteBroker(path);
    await broker.ensureTopic("bench", { partitions: 1, cleanup: "delete" });
    const input = records(batch);
    const figure = await rate(ms, async () => (await broker.produce("bench", input)).length);
    await broker.close();
    return figure;
  });

/** SQLite alone: the same blobs, one insert a transaction, the same pragmas. */
const inserted = (ms: number): Promise<number> =>
  withFile(async (path) => {
    const builder = batchBuilder();
    for (const { key, value, timestamp } of records(BATCH)) builder.add(key, value, timestamp);
    const blob = builder.encode();
    const db = openSqlite(path, {
      synchronous: "NORMAL",
      create: "CREATE TABLE IF NOT EXISTS raw (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL)",
    });
    const insert = db.prepare("INSERT INTO raw (bytes) VALUES (?)");
    const figure = await rate(ms, () => {
      db.exec("BEGIN IMMEDIATE");
      insert.run(blob);
      db.exec("COMMIT");
      return BATCH;
    });
    db.close();
    return figure;
  });

const consumed = (ms: number, batch: number): Promise<{ records: number; megabytes: number }> =>
  withFile(async (path) => {
    const broker = sqliteBroker(path);
    await broker.ensureTopic("bench", { partitions: 1, cleanup: "delete" });
    const input = records(batch);
    for (let n = 0; n < Math.min(500_000, batch * 5000); n += batch) await broker.produce("bench", input);
    const reader = broker.reader({ partitions: [{ topic: "bench", partition: 0 }], from: new Map() });
    const figure = await rate(ms, async () => {
      const polled = await reader.poll("bench", 0);
      if (polled === null) reader.seek("bench", 0, 0);
      return polled?.count ?? 0;
    });
    await broker.close();
    return { records: figure, megabytes: (figure * (KEY_BYTES + VALUE_BYTES)) / 1e6 };
  });

/** Commit times of transactions as a task makes them: 8192 predictions, 500 states, the offsets. Milliseconds. */
const transacted = (): Promise<{ add: number; p50: number; p99: number }> =>
  withFile(async (path) => {
    const broker = sqliteBroker(path);
    await broker.ensureTopic("predictions", { partitions: 1, cleanup: "delete" });
    await broker.ensureTopic("changelog", { partitions: 1, cleanup: "compact" });
    const value = Buffer.alloc(VALUE_BYTES, 1);
    const commits: number[] = [];
    let adding = 0;
    const rounds = 200;
    for (let round = 0; round < rounds; round++) {
      const from = performance.now();
      const transaction = broker.transaction();
      for (let i = 0; i < 8192; i++) transaction.add("predictions", 0, keyOf(i), value, i);
      for (let i = 0; i < 500; i++) transaction.add("changelog", 0, keyOf(i), value, i);
      transaction.offsets("task", [{ topic: "predictions", partition: 0, offset: round }]);
      const full = performance.now();
      await transaction.commit();
      adding += full - from;
      commits.push(performance.now() - full);
    }
    await broker.close();
    commits.sort((a, b) => a - b);
    return { add: adding / rounds, p50: commits[rounds / 2], p99: commits[Math.floor(rounds * 0.99)] };
  });

/** Appends a second of so many writers that each wait for their last one. */
const appended = (ms: number): Promise<number> =>
  withFile(async (path) => {
    const store = sqliteEventStore(path);
    let stream = 0;
    const figure = await rate(ms, async () => {
      await Promise.all(
        Array.from({ length: WRITERS }, () => store.append(`bench-${stream++ % 1000}`, [event()], "any")),
      );
      return WRITERS;
    });
    await store.close();
    return figure;
  });

/** SQLite alone: as many bare rows in one durable transaction. */
const insertedEvents = (ms: number): Promise<number> =>
  withFile(async (path) => {
    const db = openSqlite(path, {
      synchronous: "FULL",
      create: "CREATE TABLE IF NOT EXISTS raw (id INTEGER PRIMARY KEY, bytes TEXT NOT NULL)",
    });
    const insert = db.prepare("INSERT INTO raw (bytes) VALUES (?)");
    const figure = await rate(ms, () => {
      db.exec("BEGIN IMMEDIATE");
      for (let i = 0; i < WRITERS; i++) insert.run(JSON.stringify(event()));
      db.exec("COMMIT");
      return WRITERS;
    });
    db.close();
    return figure;
  });

const round = (value: number): string => Math.round(value).toLocaleString("en-US");

/**
 * Records of 200 bytes a second through `produce` in batches of 1000, against SQLite alone with the same blobs.
 * `seconds` is the length of each of the two; they take turns, so that a noisy machine is noisy for both. With an event
 * store that is a server's, its appends are measured instead.
 */
export const run = async (options: { seconds?: number; eventStore?: string } = {}): Promise<BenchResult> => {
  if (options.eventStore !== undefined) {
    const { runKurrentDb } = await import("./append-kurrentdb.ts");
    return runKurrentDb(options.eventStore, options.seconds ?? 18);
  }
  const turns = 3;
  const ms = ((options.seconds ?? 6) * 1000) / turns;
  let figure = 0;
  let ceiling = 0;
  for (let turn = 0; turn < turns; turn++) {
    figure += (await produced(ms, BATCH)) / turns;
    ceiling += (await inserted(ms)) / turns;
  }
  const notes: string[] = [];
  for (const batch of [1, 100, 10_000]) {
    notes.push(`produce in batches of ${round(batch)}: ${round(await produced(ms, batch))} records/s`);
  }
  for (const batch of [1, 1000]) {
    const { records: read, megabytes } = await consumed(ms, batch);
    notes.push(
      `read what was produced in batches of ${round(batch)}: ${round(read)} records/s, ${round(megabytes)} MB/s`,
    );
  }
  const { add, p50, p99 } = await transacted();
  notes.push(
    `transaction of 8,192 records and 500 states: ${add.toFixed(1)} ms to add, ` +
      `commit ${p50.toFixed(1)} ms (p50), ${p99.toFixed(1)} ms (p99, with SQLite's checkpoint)`,
  );
  const events = await appended(ms);
  const rows = await insertedEvents(ms);
  notes.push(
    `event store, ${WRITERS} writers: ${round(events)} appends/s; SQLite alone ${round(rows)} rows/s ` +
      `in durable transactions of ${WRITERS}: ${(events / rows).toFixed(2)}`,
  );
  const rssMb = Math.round(process.memoryUsage.rss() / 1e6);
  return { name: "append", figure, unit: "records/s", ceiling, ratio: figure / ceiling, rssMb, notes };
};
