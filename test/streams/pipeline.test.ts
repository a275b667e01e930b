import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { deadLetterSchema, outcomeSchema, topicOf } from "../../schemas/topics.ts";
import { followCatalog } from "../../streams/catalog.ts";
import { verifyAsServed } from "../../streams/verify/as-served.ts";
import { verifyPredictions } from "../../streams/verify/verify.ts";
import { type Click, eventually, openWorld, project, type Sale, shopView, stump, type World } from "./world.ts";

const start = Date.UTC(2026, 0, 5, 12);
const minute = 60_000;

let world: World;
before(async () => {
  world = await openWorld();
});
after(() => world.close());

const shops = ["north", "south", "east", "west", "mid"];
const clicks: Click[] = Array.from({ length: 600 }, (_, i) => ({
  id: `c${i}`,
  shop: shops[(i * 7) % shops.length],
  at: start + i * minute,
  price: i % 23,
}));
const sales: Sale[] = clicks
  .filter((_, i) => i % 3 !== 0)
  .map((click, i) => ({ id: click.id, shop: click.shop, at: click.at + 5 * minute + 1, amount: (i * 5) % 31 }));

/** The features of a click, straight from their definition (windows begin at a multiple of their hop). */
const expected = (click: Click): number[] => {
  const hour = Math.floor((click.at - 60 * minute) / (5 * minute)) * 5 * minute;
  const day = Math.floor((click.at - 1440 * minute) / (60 * minute)) * 60 * minute;
  const count = clicks.filter((one) => one.shop === click.shop && one.at <= click.at && one.at >= hour).length;
  const amounts = sales.filter((one) => one.shop === click.shop && one.at <= click.at && one.at >= day);
  const mean = amounts.reduce((sum, one) => sum + one.amount, 0) / amounts.length;
  return [click.price, count, mean].map(Math.fround);
};

test("every click gets one prediction with the features of its moment, and meets its sale", async () => {
  await world.view("shop", shopView);
  await world.version(1, stump(1, 12, -1, 1));
  await world.deploy();
  await world.produce("clicks", clicks);
  await world.produce("sales", sales);
  await world.start({ maxBatchRecords: 37 });
  const made = await eventually("all predictions", async () => {
    const predictions = await world.predictions();
    return predictions.length >= clicks.length && predictions;
  });
  assert.equal(made.length, clicks.length);
  assert.equal(new Set(made.map(({ id }) => id)).size, clicks.length);
  const byKey = new Map(made.map((prediction) => [prediction.key, prediction]));
  for (const click of clicks) {
    const prediction = byKey.get(click.id);
    assert.deepEqual(prediction?.features, expected(click), click.id);
    const score = prediction.features[1] <= 12 ? -1 : 1;
    assert.ok(Math.abs(prediction.output - 1 / (1 + Math.exp(-score))) < 1e-6);
    assert.equal(prediction.id, `buy-${prediction.partition}-${prediction.offset}`);
  }
  type Outcome = { predictionId: string; key: string; outcome: number };
  const met = await eventually("all outcomes", async () => {
    const outcomes = await world.read<Outcome>(topicOf.outcomes(project, "buy"), outcomeSchema);
    return outcomes.length >= sales.length && outcomes;
  });
  assert.equal(met.length, sales.length);
  const amounts = new Map(sales.map((sale) => [sale.id, sale.amount]));
  for (const { key, outcome, predictionId } of met) {
    assert.equal(outcome, Number((amounts.get(key) as number) > 10));
    assert.equal(predictionId, byKey.get(key)?.id);
  }
});

test("stored predictions are the same when computed again from the log", async () => {
  const stop = new AbortController();
  const catalog = (await followCatalog(world.eventStore, stop.signal)).current();
  const predictions = (await world.predictions()).map((prediction) => ({ ...prediction, endpoint: "buy" }));
  const proof = await verifyPredictions({ ...world, catalog, project, predictions });
  assert.deepEqual(proof, { checked: clicks.length, mismatches: [], missing: [] });
  const tampered = predictions.slice(0, 3).map((one) => ({ ...one, features: [one.features[0] + 1, 0, 0] }));
  const found = await verifyPredictions({ ...world, catalog, project, predictions: tampered });
  assert.ok(found.mismatches.length >= 3);
  assert.equal(found.mismatches[0].what, "price");
  stop.abort();
});

test("a task goes on where it stopped: state, waiting predictions and offsets come back", async () => {
  const later = clicks.slice(-40).map((click) => ({ ...click, id: `${click.id}-later`, at: click.at + 120 * minute }));
  await world.produce("clicks", later.slice(0, 20));
  await eventually("the first later predictions", async () => (await world.predictions()).length >= clicks.length + 20);
  await world.stop();
  await world.produce("clicks", later.slice(20));
  const lateSales = later.map((click, i) => ({ id: click.id, shop: click.shop, at: click.at + 3 * minute, amount: i }));
  await world.produce("sales", lateSales);
  await world.start();
  await eventually("all outcomes again", async () => {
    const outcomes = await world.read(topicOf.outcomes(project, "buy"), outcomeSchema);
    return outcomes.length >= sales.length + lateSales.length;
  });
  const made = await world.predictions();
  assert.equal(made.length, clicks.length + later.length);
  const all = [...clicks, ...later];
  for (const prediction of made.filter(({ key }) => key.endsWith("-later"))) {
    const at = prediction.eventTime;
    const hour = Math.floor((at - 60 * minute) / (5 * minute)) * 5 * minute;
    const count = all.filter((one) => one.shop === prediction.entity && one.at <= at && one.at >= hour).length;
    assert.equal(prediction.features[1], count, prediction.id);
  }
});

test("a record that cannot be used becomes a dead letter with its cause, and the stream goes on", async () => {
  const at = start + 3000 * minute;
  const good = { id: "good", shop: "north", at, price: 1 };
  await world.broker.produce("clicks", [
    { key: "north", value: Buffer.from("no avro"), timestamp: at },
    { key: "north", value: Buffer.from([0, 0, 0, 99, 99, 1]), timestamp: at },
    { key: "north", value: Buffer.from([0, 255, 255, 255, 255, 1]), timestamp: at },
    { key: null, value: Buffer.from(JSON.stringify(good)), timestamp: at },
    { key: "south", value: Buffer.from(JSON.stringify(good)), timestamp: at },
    { key: "north", value: Buffer.from(JSON.stringify({ ...good, at: Date.UTC(2200, 0) })), timestamp: at },
    { key: "north", value: Buffer.from(JSON.stringify({ ...good, price: "dear" })), timestamp: at },
    { key: "north", value: Buffer.from(JSON.stringify(good)), timestamp: at },
  ]);
  await eventually("the good one", async () => (await world.predictions()).some(({ key }) => key === "good"));
  type Letter = { code: string; message: string; stage: string; topic: string };
  const letters = await eventually("the dead letters", async () => {
    const found = await world.read<Letter>(topicOf.deadLetters(project), deadLetterSchema);
    return found.length >= 7 && found;
  });
  assert.deepEqual(letters.map(({ code }) => code).sort(), [
    "EVENT_AHEAD",
    "INVALID_RECORD",
    "INVALID_RECORD",
    "UNDECODABLE_RECORD",
    "UNDECODABLE_RECORD",
    "UNKNOWN_SCHEMA",
    "UNKNOWN_SCHEMA",
  ]);
  assert.ok(letters.every(({ stage, topic }) => stage === "decode" && topic === "clicks"));
});

test("a new split takes over between two batches; a shadow answers nothing of its own", async () => {
  await world.version(2, stump(0, 5, 2, 3));
  await world.append("deployment", "buy", {
    type: "TrafficChanged",
    data: {
      split: [
        { model: "buyers", version: 2, variant: "champion", share: 1 },
        { model: "buyers", version: 1, variant: "shadow", share: 0 },
      ],
    },
  });
  const before = (await world.predictions()).length;
  const at = start + 4000 * minute;
  const made = await eventually("both versions", async () => {
    await world.produce("clicks", [{ id: `t${Date.now()}`, shop: "east", at, price: 4 }]);
    const fresh = (await world.predictions()).slice(0).filter(({ key }) => key.startsWith("t"));
    return fresh.some(({ variant }) => variant === "shadow") && fresh;
  });
  assert.ok((await world.predictions()).length > before);
  const shadow = made.find(({ variant }) => variant === "shadow");
  assert.equal(shadow?.version, 1);
  const champion = made.find(
    ({ offset, variant, partition }) =>
      offset === shadow?.offset && partition === shadow.partition && variant === "champion",
  );
  assert.equal(champion?.version, 2);
  assert.deepEqual(champion?.features, shadow?.features);
});

test("predictions are proved by the view that was in force when they were served", async () => {
  const day = shopView.features.map((feature) => ({ ...feature, windowMs: 86_400_000 }));
  await world.append("feature-view", "shop", {
    type: "FeatureViewChanged",
    data: { version: 2, definition: { ...shopView, features: day } },
  });
  const after = { id: "after-the-change", shop: "north", at: start + 4100 * minute, price: 3 };
  await world.produce("clicks", [after]);
  await eventually("one by the new view", async () => (await world.predictions()).some(({ key }) => key === after.id));
  const predictions = (await world.predictions()).map((prediction) => ({ ...prediction, endpoint: "buy" }));
  const stop = new AbortController();
  const catalog = (await followCatalog(world.eventStore, stop.signal)).current();
  stop.abort();
  const byTheNewest = await verifyPredictions({ ...world, catalog, project, predictions });
  assert.ok(byTheNewest.mismatches.length > 0);
  const proof = await verifyAsServed(world.eventStore, { ...world, project, predictions });
  assert.deepEqual(proof, { checked: predictions.length, mismatches: [], missing: [] });
});

test("a stopped endpoint's predictions are still proved", async () => {
  await world.append("deployment", "buy", { type: "DeploymentStopped", data: {} });
  const predictions = (await world.predictions()).map((prediction) => ({ ...prediction, endpoint: "buy" }));
  const proof = await verifyAsServed(world.eventStore, { ...world, project, predictions });
  assert.deepEqual(proof, { checked: predictions.length, mismatches: [], missing: [] });
});
