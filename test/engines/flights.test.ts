import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { test } from "node:test";
import { Kafka, logLevel } from "kafkajs";
import { randomOf, setUp, type Traffic, traffic } from "../e2e/flights.ts";
import {
  millrace,
  printed,
  ready,
  type Started,
  spawnPlatform,
  startPlatform,
  temporaryFolder,
  until,
} from "../e2e/platform.ts";
import { send } from "../e2e/producer.ts";
import { answers, settled, type Tables, tables } from "../e2e/rows.ts";

const kafkaUrl = process.env.KAFKA_URL;
const redisUrl = process.env.REDIS_URL;
const skip = kafkaUrl === undefined || redisUrl === undefined ? "needs KAFKA_URL and REDIS_URL" : false;

const eventsACall = 250;
/** The order in which a task takes its inputs' records must come from their times alone. */
const patient = { STREAMS_MAX_TASK_IDLE_MS: "3600000" };
const seed = 20010302;

/** Where a row of the log lies is the engine's: Kafka's commits take offsets of their own. */
const enginesOwn = ["prediction_offset", "_offset"];

const withoutOffsets = (rows: readonly string[]): string[] =>
  rows
    .map((row) => {
      const kept = JSON.parse(row) as Record<string, unknown>;
      for (const column of enginesOwn) delete kept[column];
      return JSON.stringify(kept);
    })
    .sort();

/** A foreign producer: JSON values, keyed by origin as Kafka's default partitioner places them, in the calls' order. */
const produce = async (broker: string, prefix: string, { calls }: Traffic): Promise<void> => {
  const kafka = new Kafka({ brokers: [new URL(broker).host], logLevel: logLevel.NOTHING });
  const producer = kafka.producer({ idempotent: true });
  await producer.connect();
  try {
    for (const { topic, records } of calls) {
      const messages = records.map((record) => {
        const value = (JSON.parse(record) as { value: { origin: string } }).value;
        return { key: value.origin, value: JSON.stringify(value) };
      });
      await producer.send({ topic: prefix + topic, messages, acks: -1 });
    }
  } finally {
    await producer.disconnect();
  }
};

test("two streams processes over Kafka and Redis, one joining late, one killed, end with the embedded engines' rows", {
  skip,
}, async (t) => {
  const flights = await traffic(eventsACall);
  const embedded = await startPlatform(t, temporaryFolder(t, "embedded"), patient);
  await setUp(embedded.client);
  assert.equal(await send(embedded.url, flights, 0, answers), flights.calls.length);
  const expected = await settled(embedded, flights);
  assert.equal((await embedded.kill("SIGTERM")).code, 0, embedded.output());

  const data = temporaryFolder(t, "kafka");
  const prefix = `flights-${randomUUID().slice(0, 8)}.`;
  const engines = {
    ...patient,
    STREAMS_MAX_BATCH: "300",
    STREAMS_THREADS: "1",
    EVENT_STORE: `sqlite:${join(data, "events.db")}`,
    BROKER: `${kafkaUrl}?prefix=${prefix}`,
    ONLINE_STORE: `${redisUrl}?prefix=${prefix}`,
    ARTIFACTS: `file:${join(data, "artifacts")}`,
  };
  const start = (environment: Record<string, string>): Started => {
    const process = spawnPlatform(data, { ...engines, ...environment });
    t.after(() => process.kill("SIGKILL"));
    return process;
  };
  const api = await ready(start({ ROLES: "api,projections,training" }));
  const first = start({ ROLES: "streams" });
  await printed(first, /Roles\s+streams/);
  await setUp(api.client);
  const sending = produce(kafkaUrl as string, prefix, flights);

  const total = answers * flights.departures;
  const random = randomOf(seed);
  const joinAt = total * (0.05 + 0.15 * random());
  const killAt = total * (0.3 + 0.4 * random());
  const count = async (): Promise<number> =>
    Number((await api.sql<{ n: string }>("SELECT count() AS n FROM predictions"))[0].n);
  await until(`${joinAt} predictions`, 120_000, async () => (await count()) >= joinAt);
  const second = start({ ROLES: "streams" });
  t.diagnostic(`a second streams process came after ${await count()} predictions`);
  await until(`${killAt} predictions`, 120_000, async () => (await count()) >= killAt);
  await first.kill("SIGKILL");
  t.diagnostic(`killed a streams process after ${await count()} of ${total} predictions`);
  await sending;

  const found = await settled(api, flights);
  for (const table of Object.keys(tables) as (keyof Tables)[]) {
    const [wanted, got] = [withoutOffsets(expected[table]), withoutOffsets(found[table])];
    t.diagnostic(`${table}: ${wanted.length} rows on the embedded engines, ${got.length} on Kafka`);
    assert.equal(got.length, wanted.length, table);
    for (const [row, text] of got.entries()) assert.equal(text, wanted[row], `${table}, row ${row}`);
  }
  const [{ n, ids }] = await api.sql<{ n: string; ids: string }>(
    "SELECT count() AS n, uniqExact(id) AS ids FROM predictions",
  );
  assert.equal(n, ids, "every row is inserted once, without a merge to take copies away");

  const proof = await millrace(["verify", "--data", data], { ...engines, WAREHOUSE: api.warehouse });
  assert.equal(proof.code, 0, proof.output);
  assert.match(proof.output, /flights: 1000 predictions checked, 0 values differ/);
  for (const one of [second, api]) assert.equal((await one.kill("SIGTERM")).code, 0, one.output());
});
