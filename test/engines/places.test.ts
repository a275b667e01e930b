import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { Broker } from "../../infra/broker/port.ts";
import { sqliteBroker } from "../../infra/broker/sqlite.ts";
import { systemClock } from "../../infra/clock.ts";
import { kurrentDbEventStore } from "../../infra/event-store/kurrentdb.ts";
import type { EventStore } from "../../infra/event-store/port.ts";
import { sqliteEventStore } from "../../infra/event-store/sqlite.ts";
import type { OnlineStore } from "../../infra/online-store/port.ts";
import { redisOnlineStore } from "../../infra/online-store/redis.ts";
import { viewStateKey } from "../../ml/features/changelog-key.ts";
import { runAudit } from "../../projections/audit.ts";
import { runSinks, type SinkAssignment } from "../../projections/clickhouse/runner.ts";
import { documentsProjection } from "../../projections/documents/projection.ts";
import { documentReader } from "../../projections/documents/reader.ts";
import { featureKey } from "../../projections/online-changes.ts";
import { runOnlineFeatures } from "../../projections/online-projector.ts";
import type { PlaceCut } from "../../projections/places/cut.ts";
import { runProjection } from "../../projections/runtime.ts";
import { topicOf } from "../../schemas/topics.ts";
import { until } from "../e2e/platform.ts";
import { encodePrediction, openFixture, predictionAt } from "../projections/clickhouse-fixture.ts";
import { type Fact, record } from "../projections/stores.ts";
import { kafkaSetup, kafkaUrl } from "./kafka-brokers.ts";
import { kurrentDbDouble } from "./kurrentdb-double.ts";

const patienceMs = 60_000;

/** Steps that run at the end of the test, the newest first. */
const endOf = (t: TestContext): ((step: () => unknown) => void) => {
  const steps: (() => unknown)[] = [];
  t.after(async () => {
    for (const step of steps.reverse()) await step();
  });
  return (step) => void steps.push(step);
};

const model = (id: string): Fact => ({
  aggregate: "model",
  project: "p",
  id,
  event: { type: "ModelRegistered", data: { description: "" } },
});

const modelsIn = async (onlineStore: OnlineStore): Promise<string[]> => {
  const reader = documentReader({ onlineStore });
  const { items } = await reader.list("models", "p", { first: 100 });
  await reader.close();
  return items.map(({ node }) => node.id).sort();
};

/** Runs what follows a log until it is told to stop. */
const started = (run: (signal: AbortSignal) => Promise<unknown>): (() => Promise<void>) => {
  const stop = new AbortController();
  const running = run(stop.signal);
  return async () => {
    stop.abort();
    await running;
  };
};

const projecting = (eventStore: EventStore, onlineStore: OnlineStore, cuts: PlaceCut[]) =>
  started(
    (signal) =>
      runProjection({
        projection: documentsProjection,
        eventStore,
        onlineStore,
        signal,
        onCut: (cut) => cuts.push(cut),
      }).done,
  );

const kafka = kafkaUrl();

test("sinks over Kafka follow a topic that is deleted and made again, under them and between two runs", {
  skip: kafka.skip,
}, async (t) => {
  const atEnd = endOf(t);
  const setup = kafkaSetup(kafka.url);
  atEnd(() => setup.cleanup());
  const fixture = await openFixture();
  atEnd(() => fixture.close());
  const topic = topicOf.predictions("p", "e");
  const assignment: SinkAssignment = { kind: "predictions", project: "p", endpoint: "e", topic };
  const broker = await setup.open();
  const cuts: PlaceCut[] = [];
  const make = (): Promise<void> => broker.ensureTopic(topic, { partitions: 2, cleanup: "delete" });
  const predict = async (count: number, run: string): Promise<void> => {
    const records = [0, 1].flatMap((partition) =>
      Array.from({ length: count }, (_, i) => ({
        key: "k",
        value: encodePrediction({ ...predictionAt(partition, i, "e"), variant: run }),
        timestamp: 1,
        partition,
      })),
    );
    await broker.produce(topic, records);
  };
  const sink = () =>
    started((signal) =>
      runSinks({
        ...{ broker, warehouse: fixture.warehouse, topics: () => [assignment], signal, clock: systemClock },
        ...{ flushMs: 20, retryMs: 50, onCut: (cut: PlaceCut) => cuts.push(cut) },
      }),
    );
  const holds = (run: string, count: number): Promise<true> =>
    until(`${count} rows of ${run} alone`, patienceMs, async () => {
      const rows = await fixture.rows<{ variant: string; n: string }>(
        "SELECT variant, toString(count()) AS n FROM predictions GROUP BY variant",
      );
      return rows.length === 1 && rows[0].variant === run && Number(rows[0].n) === count;
    });
  await make();
  await predict(30, "first");
  const stopFirst = sink();
  await holds("first", 60);
  await broker.deleteTopic(topic);
  await make();
  await predict(50, "second");
  await holds("second", 100);
  await stopFirst();
  await broker.deleteTopic(topic);
  await make();
  await predict(80, "third");
  atEnd(sink());
  await holds("third", 160);
  assert.deepEqual(new Set(cuts.map(({ reason }) => reason)), new Set(["it is another log"]));
});

const redis = process.env.REDIS_URL;

test("documents and features in a Redis that outlived the log are those of the new one", {
  skip: redis === undefined ? "REDIS_URL is not set" : false,
}, async (t) => {
  const atEnd = endOf(t);
  const folder = mkdtempSync(join(tmpdir(), "millrace-outlived-"));
  atEnd(() => rmSync(folder, { recursive: true, force: true }));
  const onlineStore = await redisOnlineStore(`${redis}?prefix=outlived-${process.pid}:`);
  atEnd(async () => {
    await onlineStore.clear("");
    await onlineStore.close();
  });
  const topic = "p.by-shop-1.changelog";
  const cuts: PlaceCut[] = [];
  const following = (broker: Broker) =>
    started((signal) =>
      runOnlineFeatures({
        ...{ broker, onlineStore, changelogs: () => [topic], signal, clock: systemClock, flushMs: 5 },
        onCut: (cut) => cuts.push(cut),
      }),
    );
  const openLog = async (name: string, states: [string, string][], models: string[]) => {
    const eventStore = sqliteEventStore(join(folder, `${name}.db`));
    atEnd(() => eventStore.close());
    const broker = sqliteBroker(join(folder, `${name}.db`));
    atEnd(() => broker.close());
    await broker.ensureTopic(topic, { partitions: 1, cleanup: "compact" });
    await broker.produce(
      topic,
      states.map(([entity, value]) => ({
        key: viewStateKey("shop", 1, entity),
        value: Buffer.from(value),
        timestamp: 1,
      })),
    );
    await record(eventStore, ...models.map(model));
    return [projecting(eventStore, onlineStore, cuts), following(broker)];
  };
  const featureOf = async (entity: string): Promise<string | undefined> =>
    (await onlineStore.get(featureKey("p", "shop", 1, entity)))?.toString();

  const repeated = Array.from({ length: 50 }, (_, i): [string, string] => ["stays", `old ${i}`]);
  const first = await openLog("first", [...repeated, ["gone", "old"]], ["a", "lost"]);
  await until("the first log's", patienceMs, async () => {
    return (await featureOf("gone")) === "old" && (await modelsIn(onlineStore)).length === 2;
  });
  for (const stop of first) await stop();
  const second = await openLog("second", [["stays", "new"]], ["a", "b", "c", "d"]);
  for (const stop of second) atEnd(stop);
  await until("the second log's", patienceMs, async () => (await featureOf("stays")) === "new");
  await until("its models", patienceMs, async () => (await modelsIn(onlineStore)).join() === "a,b,c,d");
  assert.equal(await featureOf("gone"), undefined);
  assert.deepEqual(cuts.map(({ store }) => store).sort(), ["documents", "online-features"]);
});

test("the audit beside a KurrentDB that was restored has the events of that one, and no others", async (t) => {
  const atEnd = endOf(t);
  const fixture = await openFixture();
  atEnd(() => fixture.close());
  const cuts: PlaceCut[] = [];
  /** A server with these events: the second is the first as an older backup has it, and what came then. */
  const audited = async (models: string[], expected: number): Promise<void> => {
    const server = await kurrentDbDouble();
    const eventStore = await kurrentDbEventStore(server.url);
    await record(eventStore, ...models.map(model));
    const stop = started((signal) =>
      runAudit({ eventStore, warehouse: fixture.warehouse, signal, onCut: (cut) => cuts.push(cut) }),
    );
    await until(`${expected} rows`, patienceMs, async () => {
      const rows = await fixture.rows<{ stream: string }>("SELECT stream FROM audit ORDER BY stream");
      return rows.map(({ stream }) => stream).join() === models.map((id) => `model-p/${id}`).join();
    });
    await stop();
    await eventStore.close();
    server.close();
  };
  await audited(["a", "lost-1", "lost-2"], 3);
  assert.deepEqual(cuts, []);
  await audited(["a", "b", "c", "d", "e", "f", "g", "h", "i"], 9);
  assert.deepEqual(
    cuts.map(({ store, reason }) => ({ store, reason })),
    [{ store: "audit", reason: "it is another log" }],
  );
});
