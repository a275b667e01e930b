import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Broker, OutputRecord } from "../../infra/broker/port.ts";
import { sqliteBroker } from "../../infra/broker/sqlite.ts";
import { parseStateKey, viewStateKey } from "../../ml/features/changelog-key.ts";
import { viewState } from "../../ml/features/state.ts";
import { planView, type ViewPlan } from "../../ml/features/view.ts";
import { featureKey } from "../../projections/online-changes.ts";
import { onlineFeatures } from "../../projections/online-features.ts";
import { runOnlineFeatures } from "../../projections/online-projector.ts";
import { until } from "./snapshot.ts";
import { type Stores, storesOf } from "./stores.ts";

const MINUTE = 60_000;
const NOON = Date.UTC(2001, 0, 1, 12);

const planOf = (ttlMs: number | null): ViewPlan =>
  planView(
    "origin",
    1,
    {
      entity: { name: "origin", key: ["origin"] },
      features: [
        { name: "flights-1h", source: "arrivals", function: "count", windowMs: 60 * MINUTE },
        { name: "delay-1h", source: "arrivals", function: "mean", value: "event.delay", windowMs: 60 * MINUTE },
      ],
      allowedLatenessMs: 0,
      ttlMs,
    },
    [
      {
        name: "arrivals",
        topic: "flights.arrivals",
        schema: JSON.stringify({
          type: "record",
          name: "Arrival",
          fields: [
            { name: "origin", type: "string" },
            { name: "delay", type: "double" },
            { name: "at", type: "long" },
          ],
        }),
        key: "origin",
        timestamp: "at",
      },
    ],
  );

const plan = planOf(null);

/** State blobs after each event, as a task's changelog has them. */
const changelogOf = (events: readonly { origin: string; delay: number; at: number }[]): OutputRecord[] => {
  const state = viewState(plan);
  const records: OutputRecord[] = [];
  for (const event of events) {
    state.apply("arrivals", event, event.at);
    state.drain((entity, blob) => {
      const key = viewStateKey("origin", 1, entity);
      records.push({ key, value: Buffer.from(blob), timestamp: event.at, partition: entity === "SFO" ? 0 : 1 });
    });
  }
  return records;
};

const TOPIC = "flights.by-origin-2.changelog";
const REKEYED = "flights.destination.rekey.changelog";

const brokerOf = async (stores: Stores): Promise<Broker> => {
  const broker = sqliteBroker(stores.path);
  stores.release(() => broker.close());
  await broker.ensureTopic(TOPIC, { partitions: 2, cleanup: "compact" });
  return broker;
};

const running = (stores: Stores, broker: Broker) => {
  const stopping = new AbortController();
  const offsets = new Map<string, number>();
  const done = runOnlineFeatures({
    broker,
    onlineStore: stores.onlineStore,
    changelogs: () => [TOPIC, REKEYED],
    signal: stopping.signal,
    clock: Date.now,
    flushMs: 5,
    onOffsets: (moved) => {
      for (const [place, offset] of moved) offsets.set(place, offset);
    },
  });
  return {
    offsets,
    async stop() {
      stopping.abort();
      await done;
    },
  };
};

test("state keys are parsed as they were made, and other keys are no state", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.nat(1000), (text, n) => {
      const entity = text.replaceAll("\u0000", "");
      const bytes = Buffer.from(`before${viewStateKey("route", n + 1, entity)}after`);
      const parsed = parseStateKey(bytes, 6, bytes.length - 5);
      assert.deepEqual(parsed, { view: "route", version: n + 1, entity });
    }),
  );
  for (const key of [
    "meta",
    "v",
    "v\u0000view",
    "v\u0000view\u00001",
    "v\u0000view\u0000x\u0000e",
    "w\u0000a\u00001\u0000e",
  ]) {
    const bytes = Buffer.from(key);
    assert.equal(parseStateKey(bytes, 0, bytes.length), null, key);
  }
  assert.equal(parseStateKey(Buffer.from("v\u0000a\u00001\u0000e"), -1, -1), null);
});

test("features are those of the newest state, evaluated as of now", async (t) => {
  const stores = storesOf(t);
  const broker = await brokerOf(stores);
  const projector = running(stores, broker);
  const records = changelogOf([
    { origin: "SFO", delay: 10, at: NOON },
    { origin: "JFK", delay: 3, at: NOON + MINUTE },
    { origin: "SFO", delay: 20, at: NOON + 2 * MINUTE },
  ]);
  await broker.produce(TOPIC, [...records, { key: "meta", value: Buffer.from("{}"), timestamp: NOON, partition: 0 }]);
  await until(() => projector.offsets.get(`${TOPIC}/0`) === 3 && projector.offsets.get(`${TOPIC}/1`) === 1);
  await projector.stop();
  let now = NOON + 3 * MINUTE;
  const features = onlineFeatures({
    onlineStore: stores.onlineStore,
    plan: (_, view) => (view === "origin" ? plan : null),
    clock: () => now,
  });
  assert.deepEqual(await features.get("flights", "origin", ["SFO", "LAX", "JFK"]), [
    { entity: "SFO", values: [2, 15], status: "PRESENT", at: now },
    { entity: "LAX", values: [null, null], status: "NOT_FOUND", at: now },
    { entity: "JFK", values: [1, 3], status: "PRESENT", at: now },
  ]);
  const chosen = await features.get("flights", "origin", ["SFO"], ["delay-1h"]);
  assert.deepEqual(chosen[0].values, [15]);
  now = NOON + 180 * MINUTE;
  assert.deepEqual((await features.get("flights", "origin", ["SFO"]))[0].values, [0, null]);
  await assert.rejects(features.get("flights", "nowhere", ["SFO"]), { code: "NOT_FOUND" });
  await assert.rejects(features.get("flights", "origin", ["SFO"], ["x"]), { code: "NOT_FOUND", message: /delay-1h/ });
  const many = Array.from({ length: 1001 }, (_, i) => String(i));
  await assert.rejects(features.get("flights", "origin", many), { code: "BAD_REQUEST" });
});

test("features as of a moment that is not now: windows and time to live are those of the moment", async (t) => {
  const { onlineStore } = storesOf(t);
  const events = [0, 20, 40].map((minute) => ({ origin: "SFO", delay: minute, at: NOON + minute * MINUTE }));
  const { value } = changelogOf(events)[2];
  await onlineStore.setMany([{ key: featureKey("flights", "origin", 1, "SFO"), value, offset: 7 }]);
  const mortal = planOf(90 * MINUTE);
  const features = onlineFeatures({ onlineStore, plan: () => mortal, clock: () => NOON + 1000 * MINUTE });
  const at = async (minute: number | undefined): Promise<unknown[]> => {
    const moment = minute === undefined ? undefined : NOON + minute * MINUTE;
    const [vector] = await features.get("flights", "origin", ["SFO"], undefined, moment);
    return [(vector.at - NOON) / MINUTE, vector.status, vector.values];
  };
  assert.deepEqual(await at(40), [40, "PRESENT", [3, 20]]);
  assert.deepEqual(await at(25), [25, "PRESENT", [2, 10]]);
  assert.deepEqual(await at(90), [90, "PRESENT", [1, 40]]);
  assert.deepEqual(await at(130), [130, "PRESENT", [0, null]]);
  assert.deepEqual(await at(131), [131, "OUTSIDE_MAX_AGE", [null, null]]);
  assert.deepEqual(await at(undefined), [1000, "OUTSIDE_MAX_AGE", [null, null]]);
  const [unknown] = await features.get("flights", "origin", ["LAX"], undefined, NOON);
  assert.equal(unknown.status, "NOT_FOUND");
});

test("what follows the state of a re-keyed view is not taken for state", async (t) => {
  const { onlineStore } = storesOf(t);
  const [{ value }] = changelogOf([{ origin: "SFO", delay: 10, at: NOON }]);
  const stored = Buffer.concat([value as Buffer, Buffer.alloc(8, 0xff)]);
  await onlineStore.setMany([{ key: featureKey("flights", "origin", 1, "SFO"), value: stored, offset: 7 }]);
  const trailerBytes = (_: string, view: string): number => (view === "origin" ? 8 : 0);
  const features = onlineFeatures({ onlineStore, plan: () => plan, trailerBytes, clock: () => NOON });
  assert.deepEqual((await features.get("flights", "origin", ["SFO"]))[0].values, [1, 10]);
});

test("it goes on at its offsets, takes up new applications, and forgets what was deleted", async (t) => {
  const stores = storesOf(t);
  const broker = await brokerOf(stores);
  const [first] = changelogOf([{ origin: "SFO", delay: 10, at: NOON }]);
  await broker.produce(TOPIC, [first]);
  const before = running(stores, broker);
  await until(() => before.offsets.get(`${TOPIC}/0`) === 1);
  await before.stop();
  const key = featureKey("flights", "origin", 1, "SFO");
  assert.deepEqual(await stores.onlineStore.get(key), first.value);

  const after = running(stores, broker);
  await broker.ensureTopic(REKEYED, { partitions: 1, cleanup: "compact" });
  const state = { key: viewStateKey("destination", 2, "JFK"), value: Buffer.from("blob"), timestamp: NOON };
  await broker.produce(REKEYED, [state]);
  await broker.produce(TOPIC, [{ ...first, value: null }]);
  await until(() => after.offsets.get(`${TOPIC}/0`) === 2 && after.offsets.get(`${REKEYED}/0`) === 1);
  await after.stop();
  assert.equal(await stores.onlineStore.get(key), null);
  assert.deepEqual(await stores.onlineStore.get(featureKey("flights", "destination", 2, "JFK")), Buffer.from("blob"));
});

test("many changes of one key are one write", async (t) => {
  const stores = storesOf(t);
  const broker = await brokerOf(stores);
  const records = changelogOf(Array.from({ length: 500 }, (_, i) => ({ origin: "SFO", delay: i, at: NOON + i })));
  await broker.produce(TOPIC, records);
  let written = 0;
  const onlineStore: typeof stores.onlineStore = {
    ...stores.onlineStore,
    setMany(entries, index) {
      written += entries.filter((entry) => entry.key.startsWith("feature:")).length;
      return stores.onlineStore.setMany(entries, index);
    },
  };
  const projector = running({ ...stores, onlineStore }, broker);
  await until(() => projector.offsets.get(`${TOPIC}/0`) === 500);
  await projector.stop();
  assert.ok(written <= 5, `${written} writes of one key`);
  assert.deepEqual(await stores.onlineStore.get(featureKey("flights", "origin", 1, "SFO")), records[499].value);
});
