import assert from "node:assert/strict";
import { test } from "node:test";
import { viewStateKey } from "../../ml/features/changelog-key.ts";
import { evaluateBlob, viewState } from "../../ml/features/state.ts";
import { planView } from "../../ml/features/view.ts";
import { avroType, frame, ownRecordDecoder } from "../../schemas/codec.ts";
import type { FeatureDefinition, FeatureViewDefinition } from "../../schemas/lifecycle/feature-view.ts";
import { predictionSchema, topicOf } from "../../schemas/topics.ts";
import { followCatalog } from "../../streams/catalog.ts";
import { decodeMeta, encodeMeta, foldRules, metaKey, type TaskMeta } from "../../streams/runtime/changelog.ts";
import { readAll } from "../../streams/runtime/restore.ts";
import { verifyPredictions } from "../../streams/verify/verify.ts";
import {
  type Click,
  eventually,
  openWorld,
  type PredictionRecord,
  project,
  stump,
  type World,
} from "../streams/world.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const start = Date.UTC(2026, 0, 5);

const feature = (name: string, rest: Partial<FeatureDefinition>): FeatureDefinition => ({
  name,
  source: "clicks",
  function: "count",
  windowMs: 14 * DAY,
  ...rest,
});

const view: FeatureViewDefinition = {
  entity: { name: "shop", key: ["shop"] },
  allowedLatenessMs: 2 * HOUR,
  ttlMs: null,
  features: [
    feature("count_5m", { windowMs: 5 * MINUTE }),
    feature("count_11h", { windowMs: 11 * HOUR }),
    feature("count_14d", {}),
    feature("last_14d", { function: "last", value: "event.price" }),
    feature("last", { function: "last", value: "event.price", windowMs: null }),
    feature("kinds_14d", { function: "distinct", value: "event.id" }),
  ],
};
const names = view.features.map(({ name }) => name);

const served = async (world: World, clicks: readonly Click[]): Promise<PredictionRecord[]> => {
  await world.view("shop", view);
  await world.version(1, stump(1, 5, -1, 1), null, names);
  await world.deploy({ outcome: null, columns: names.map((name) => ({ name, from: `shop:${name}` })) });
  for (const click of clicks) await world.produce("clicks", [click]);
  await world.start();
  return eventually("predictions", async () => {
    const found = await world.predictions();
    return found.length >= clicks.length && found;
  });
};

const clicks: Click[] = [
  [10 * HOUR, 1],
  [11 * HOUR + MINUTE, 2],
  [11 * HOUR + 2 * MINUTE, 3],
  // 90 seconds late.
  [11 * HOUR + 30_000, 4],
  [40 * HOUR, 5],
  // 20 hours late, which is more than the view allows: it is left out, and predicted on.
  [20 * HOUR, 6],
].map(([after, price]) => ({ id: `id ${price}`, shop: "north", at: start + after, price }));

test("a prediction on a late event has the features of its moment, and says when it is later than allowed", async () => {
  const world = await openWorld();
  try {
    const made = await served(world, clicks);
    assert.deepEqual(
      made.map(({ late }) => late),
      [false, false, false, false, false, true],
    );
    assert.deepEqual(made[2].features, [2, 3, 3, 3, 3, 3]);
    assert.deepEqual(made[3].features, [1, 2, 2, 4, 4, 2]);
    assert.deepEqual(made[4].features, [1, 1, 5, 5, 5, 5]);
    // A quiet entity keeps what its windows need; the event itself is in none.
    assert.deepEqual(made[5].features, [0, 4, 4, 3, 3, 4]);

    const stop = new AbortController();
    const catalog = (await followCatalog(world.eventStore, stop.signal)).current();
    const predictions = made.map((prediction) => ({ ...prediction, endpoint: "buy" }));
    const proof = await verifyPredictions({ ...world, catalog, project, predictions });
    assert.deepEqual(proof, { checked: clicks.length, mismatches: [], missing: [] });
    stop.abort();
  } finally {
    await world.close();
  }
});

test("a task that was restored answers a late event as one that was not", async () => {
  const world = await openWorld();
  try {
    await served(world, clicks.slice(0, 3));
    await world.stop();
    await world.start();
    await world.produce("clicks", [clicks[3]]);
    const made = await eventually("the late prediction", async () => {
      const found = await world.predictions();
      return found.length === 4 && found;
    });
    assert.deepEqual(made[3].features, [1, 2, 2, 4, 4, 2]);
    assert.equal(made[3].late, false);
  } finally {
    await world.close();
  }
});

const schema = {
  type: "record",
  name: "Click",
  fields: [
    { name: "id", type: "string" },
    { name: "shop", type: "string" },
    { name: "at", type: "long" },
    { name: "price", type: "double" },
  ],
};
const source = { name: "clicks", topic: "clicks", schema: JSON.stringify(schema), key: "shop", timestamp: "at" };
const plan = planView("shop", 1, view, [source]);

/** The state after the first three clicks, as an earlier release wrote it. */
const ofEarlierRelease = Buffer.from(
  "01260dc0d8c8eeb83302b8cfe702040c0801ea9f010c80a2e14b0c01038143829502fe2d010080e2a2bae3cd010c",
  "hex",
);

test("a state of an earlier release can be read, but not asked for the past", () => {
  assert.deepEqual([...evaluateBlob(plan, ofEarlierRelease, clicks[2].at)], [2, 3, 3, 3, 3, 3]);
  const state = viewState(plan);
  state.restore("north", ofEarlierRelease);
  const out = new Float64Array(names.length);
  assert.equal(state.read("north", clicks[2].at, out, 0), true);
  assert.equal(state.read("north", clicks[2].at - 1, out, 0), false);
  // From its next step on it is as any other.
  state.apply("clicks", { ...clicks[4] }, clicks[4].at);
  state.apply("clicks", { ...clicks[4], price: 7 }, clicks[4].at + 2);
  assert.equal(state.read("north", clicks[4].at + 1, out, 0), true);
  assert.deepEqual([...out], [1, 1, 4, 5, 5, 4]);
});

test("a task whose state was folded by an earlier release's rules folds its log again", async () => {
  const world = await openWorld();
  try {
    await served(world, clicks.slice(0, 3));
    const changelog = topicOf.changelog(`${project}.by-shop-2`);
    const meta = await eventually("a checkpoint", async () => {
      let newest: TaskMeta | null = null;
      await readAll(world.broker, changelog, 0, 0, (batch, i) => {
        if (batch.bytes.toString("latin1", batch.keyStart[i], batch.keyEnd[i]) !== metaKey) return;
        newest = decodeMeta(batch.bytes.subarray(batch.valueStart[i], batch.valueEnd[i]));
      });
      const found = newest as TaskMeta | null;
      return found?.views.shop?.rules === foldRules && found;
    });
    await world.stop();
    const value = encodeMeta({ ...meta, views: { shop: { version: 1 } } });
    await world.broker.produce(changelog, [
      { key: viewStateKey("shop", 1, "north"), value: ofEarlierRelease, timestamp: 0, partition: 0 },
      { key: metaKey, value, timestamp: 0, partition: 0 },
    ]);
    await world.start();
    await world.produce("clicks", [clicks[3]]);
    const made = await eventually("the late prediction", async () => {
      const predictions = await world.predictions();
      return predictions.length === 4 && predictions;
    });
    assert.deepEqual([made[3].late, made[3].features], [false, [1, 2, 2, 4, 4, 2]]);
  } finally {
    await world.close();
  }
});

test("a prediction record of an earlier release is read as one that was not late", () => {
  const [id, ...rest] = predictionSchema.fields;
  const earlier = avroType({ ...predictionSchema, fields: [id, ...rest.slice(0, -1)] });
  const record = {
    ...{ id: "buy-0-1", endpoint: "buy", revision: 1, model: "buyers", version: 1, variant: "champion", share: 1 },
    ...{ entity: "north", key: "c", eventTime: start, topic: "clicks", partition: 0, offset: 1, positions: [2] },
    ...{ lookups: [], features: [1], output: 0.5, servedAt: start, latencyMs: 1, runtime: "r" },
  };
  const read = ownRecordDecoder<PredictionRecord>(predictionSchema);
  const old = frame(1, earlier, record);
  assert.deepEqual(read(old, 0, old.length), { ...record, late: false });
  const now = frame(2, avroType(predictionSchema), { ...record, late: true });
  assert.deepEqual(read(now, 0, now.length), { ...record, late: true });
});

test("a stored state is asked for a past moment without what came after it", () => {
  const state = viewState(plan);
  for (const click of clicks.slice(0, 3)) state.apply("clicks", click, click.at);
  let blob = Buffer.alloc(0);
  state.drain((_entity, bytes) => {
    blob = Buffer.from(bytes);
  });
  assert.deepEqual([...evaluateBlob(plan, blob, clicks[2].at)], [2, 3, 3, 3, 3, 3]);
  assert.deepEqual([...evaluateBlob(plan, blob, clicks[2].at - 1)], [1, 2, 2, 2, 2, 2]);
  assert.deepEqual([...evaluateBlob(plan, blob, clicks[1].at - 1)], [0, 1, 1, 1, 1, 1]);
});
