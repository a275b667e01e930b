import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { Broker } from "../../infra/broker/port.ts";
import { sqliteBroker } from "../../infra/broker/sqlite.ts";
import type { EventStore } from "../../infra/event-store/port.ts";
import { sqliteEventStore } from "../../infra/event-store/sqlite.ts";
import type { OnlineStore } from "../../infra/online-store/port.ts";
import { sqliteOnlineStore } from "../../infra/online-store/sqlite.ts";
import { viewStateKey } from "../../ml/features/changelog-key.ts";
import { documentsProjection } from "../../projections/documents/projection.ts";
import { documentReader } from "../../projections/documents/reader.ts";
import { featureKey } from "../../projections/online-changes.ts";
import { runOnlineFeatures } from "../../projections/online-projector.ts";
import type { PlaceCut } from "../../projections/places/cut.ts";
import { runProjection } from "../../projections/runtime.ts";
import { type Fact, record } from "../projections/stores.ts";
import { eventually } from "../streams/world.ts";

/**
 * An online store that outlives its log, as a Redis does: it lies in a file of its own, and the log in others, the
 * second of which takes the place of the first.
 */
const worldOf = (t: TestContext) => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-outlives-"));
  const onlineStore = sqliteOnlineStore(join(folder, "online.db"));
  const closers: (() => Promise<void>)[] = [() => onlineStore.close()];
  t.after(async () => {
    for (const close of closers.reverse()) await close();
    rmSync(folder, { recursive: true, force: true });
  });
  const opened = <T extends { close(): Promise<void> }>(store: T): T => {
    closers.push(() => store.close());
    return store;
  };
  return {
    onlineStore,
    /** Before the stores close, the newest first. */
    release: (step: () => Promise<void>) => void closers.push(step),
    eventStore: (name: string): EventStore => opened(sqliteEventStore(join(folder, `${name}.db`))),
    broker: (name: string): Broker => opened(sqliteBroker(join(folder, `${name}.db`))),
  };
};

const model = (id: string): Fact => ({
  aggregate: "model",
  project: "p",
  id,
  event: { type: "ModelRegistered", data: { description: "" } },
});

const project = (eventStore: EventStore, onlineStore: OnlineStore, cuts: PlaceCut[]) => {
  const stopping = new AbortController();
  const running = runProjection({
    projection: documentsProjection,
    eventStore,
    onlineStore,
    signal: stopping.signal,
    onCut: (cut) => cuts.push(cut),
  });
  return {
    caughtUp: running.caughtUp,
    async stop() {
      stopping.abort();
      await running.done;
    },
  };
};

const modelsIn = async (onlineStore: OnlineStore): Promise<string[]> => {
  const reader = documentReader({ onlineStore });
  try {
    const { items } = await reader.list("models", "p", { first: 100 });
    return items.map(({ node }) => node.id).sort();
  } finally {
    await reader.close();
  }
};

test("documents in an online store that outlived its log are those of the new log, however far that has grown", async (t) => {
  const { onlineStore, eventStore, release } = worldOf(t);
  const cuts: PlaceCut[] = [];
  const first = eventStore("first");
  await record(first, model("a"), model("lost-1"), model("lost-2"));
  const before = project(first, onlineStore, cuts);
  await before.caughtUp;
  await before.stop();
  assert.deepEqual(await modelsIn(onlineStore), ["a", "lost-1", "lost-2"]);

  const second = eventStore("second");
  await record(second, model("a"), model("b"), model("c"), model("d"), model("e"));
  const after = project(second, onlineStore, cuts);
  release(() => after.stop());
  await after.caughtUp;
  assert.deepEqual(await modelsIn(onlineStore), ["a", "b", "c", "d", "e"]);
  assert.deepEqual(
    cuts.map(({ store, from, to, reason }) => ({ store, from, to, reason })),
    [{ store: "documents", from: "3", to: "0", reason: "it is another log" }],
  );
  await record(second, model("f"));
  await eventually("the live model", async () => (await modelsIn(onlineStore)).includes("f"));
});

test("documents go on over restarts of one log without being folded again", async (t) => {
  const { onlineStore, eventStore } = worldOf(t);
  const cuts: PlaceCut[] = [];
  for (let round = 0; round < 3; round++) {
    const store = eventStore("only");
    await record(store, model(`m${round}`));
    const running = project(store, onlineStore, cuts);
    await running.caughtUp;
    await running.stop();
    await store.close();
  }
  assert.deepEqual(await modelsIn(onlineStore), ["m0", "m1", "m2"]);
  assert.deepEqual(cuts, []);
});

const topic = "p.by-shop-2.changelog";
const config = { partitions: 2, cleanup: "compact" } as const;
const state = (entity: string, value: string) => ({
  key: viewStateKey("shop", 1, entity),
  value: Buffer.from(value),
  timestamp: 1,
  partition: 0,
});

const follow = (broker: Broker, onlineStore: OnlineStore, cuts: PlaceCut[]) => {
  const stopping = new AbortController();
  const done = runOnlineFeatures({
    broker,
    onlineStore,
    changelogs: () => [topic],
    signal: stopping.signal,
    clock: Date.now,
    flushMs: 5,
    onCut: (cut) => cuts.push(cut),
  });
  return async () => {
    stopping.abort();
    await done;
  };
};

const featureOf = async (onlineStore: OnlineStore, entity: string): Promise<string | undefined> =>
  (await onlineStore.get(featureKey("p", "shop", 1, entity)))?.toString();

test("features in an online store that outlived its log are removed and written again", async (t) => {
  const { onlineStore, broker, release } = worldOf(t);
  const cuts: PlaceCut[] = [];
  const first = broker("first");
  await first.ensureTopic(topic, config);
  await first.produce(
    topic,
    [...Array(20)].map((_, i) => state("stays", `old ${i}`)),
  );
  await first.produce(topic, [state("gone", "old")]);
  const stopFirst = follow(first, onlineStore, cuts);
  await eventually("the old features", async () => (await featureOf(onlineStore, "gone")) === "old");
  await stopFirst();

  const second = broker("second");
  await second.ensureTopic(topic, config);
  await second.produce(topic, [state("stays", "new")]);
  const stopSecond = follow(second, onlineStore, cuts);
  release(stopSecond);
  // Its offset is less than the one that the old state was written at.
  await eventually("the new feature", async () => (await featureOf(onlineStore, "stays")) === "new");
  assert.equal(await featureOf(onlineStore, "gone"), undefined);
  assert.deepEqual(
    cuts.map(({ store, log, from, to }) => ({ store, log, from, to })),
    [{ store: "online-features", log: topic, from: 21, to: 0 }],
  );
});

test("features follow a changelog that is deleted and made again", async (t) => {
  const { onlineStore, broker, release } = worldOf(t);
  const log = broker("only");
  await log.ensureTopic(topic, config);
  await log.produce(topic, [state("a", "1"), state("b", "2")]);
  const stop = follow(log, onlineStore, []);
  release(stop);
  await eventually("the features", async () => (await featureOf(onlineStore, "b")) === "2");
  await log.deleteTopic(topic);
  await log.ensureTopic(topic, config);
  await log.produce(topic, [state("a", "3")]);
  await eventually("the new feature", async () => (await featureOf(onlineStore, "a")) === "3");
  await eventually("no old feature", async () => (await featureOf(onlineStore, "b")) === undefined);
});
