import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { partitionOf } from "../../infra/broker/port.ts";
import { onlineFeatures } from "../../projections/online-features.ts";
import { runOnlineFeatures } from "../../projections/online-projector.ts";
import type { Column } from "../../schemas/lifecycle/deployment.ts";
import type { FeatureViewDefinition } from "../../schemas/lifecycle/feature-view.ts";
import { type CatalogFollower, followCatalog } from "../../streams/catalog.ts";
import { changelogsOf } from "../../streams/topology.ts";
import { verifyPredictions } from "../../streams/verify/verify.ts";
import { viewCatalog } from "../../streams/view-catalog.ts";
import {
  type Click,
  eventually,
  openWorld,
  type PredictionRecord,
  project,
  type Sale,
  shopView,
  stump,
  type World,
} from "./world.ts";

/**
 * Messages are keyed by shop. The visitor, who is named by `id` and goes from shop to shop, is in no partition of his
 * own: his view is computed behind a re-keyed topic and looked up in the online store when a click asks for a
 * prediction. What is found there depends on the moment, so each event waits until the one before it has arrived.
 */
const visitorView: FeatureViewDefinition = {
  entity: { name: "visitor", key: ["id"] },
  allowedLatenessMs: 60_000,
  ttlMs: null,
  features: [
    { name: "clicks_1h", source: "clicks", function: "count", windowMs: 3_600_000 },
    { name: "mean_amount_1d", source: "sales", function: "mean", value: "event.amount", windowMs: 86_400_000 },
  ],
};

/** Of the event itself, of a looked-up view and of a local one. */
const columns: Column[] = [
  { name: "price", from: "event.price" },
  { name: "clicks", from: "visitor:clicks_1h" },
  { name: "amount", from: "shop:mean_amount_1d" },
];

const minute = 60_000;
const start = Date.UTC(2026, 0, 5, 12);
const partitions = 2;
const shops = ["north", "south", "east"];
const visitors = ["ann", "bob", "cy"];

let world: World;
let catalog: CatalogFollower;
let features: ReturnType<typeof onlineFeatures>;
const stop = new AbortController();
let projector = Promise.resolve();
const clicked: Click[] = [];
const sold: Sale[] = [];

before(async () => {
  world = await openWorld();
  catalog = await followCatalog(world.eventStore, stop.signal);
  const { broker, onlineStore } = world;
  features = onlineFeatures({ onlineStore, ...viewCatalog(catalog), clock: () => start });
  projector = runOnlineFeatures({
    broker,
    onlineStore,
    changelogs: () => changelogsOf(catalog.current()),
    signal: stop.signal,
    clock: Date.now,
    flushMs: 5,
  });
  await world.view("shop", shopView);
  await world.view("visitor", visitorView);
  await world.version(1, stump(1, 2, -1, 1));
  await world.deploy({ columns, outcome: null });
  await world.start();
});
after(async () => {
  stop.abort();
  await projector;
  await catalog.done;
  await world.close();
});

/** The visitor's features as of a moment, from the events themselves (an hour's window begins at a whole 5 minutes). */
const expected = (id: string, time: number): (number | null)[] => {
  const mine = <T extends Click | Sale>(events: readonly T[]): T[] => events.filter((one) => one.id === id);
  const amounts = mine(sold).map(({ amount }) => amount);
  const mean = amounts.reduce((sum, amount) => sum + amount, 0) / amounts.length;
  const from = Math.floor((time - 60 * minute) / (5 * minute)) * 5 * minute;
  return [mine(clicked).filter(({ at }) => at >= from).length, amounts.length === 0 ? null : mean];
};

/** The online store reflects all that the visitor has done so far. */
const caughtUp = (id: string, time: number): Promise<unknown> =>
  eventually(`the state of ${id}`, async () => {
    const [vector] = await features.get(project, "visitor", [id], undefined, time);
    return vector.status === "PRESENT" && vector.values.join() === expected(id, time).join();
  });

/** One click, from being produced until it is in the visitor's own state; answers its prediction. */
const click = async (id: string, shop: string, at: number): Promise<PredictionRecord> => {
  const known = new Set((await world.predictions()).map((prediction) => prediction.id));
  const event = { id, shop, at, price: clicked.length };
  await world.produce("clicks", [event]);
  clicked.push(event);
  const made = await eventually("the prediction", async () =>
    (await world.predictions()).find((prediction) => !known.has(prediction.id)),
  );
  await caughtUp(id, at);
  return made;
};

const verify = (predictions: readonly PredictionRecord[]) =>
  verifyPredictions({
    ...world,
    catalog: catalog.current(),
    project,
    predictions: predictions.map((prediction) => ({ ...prediction, endpoint: "buy" })),
  });

const sell = async (id: string, shop: string, at: number, amount: number): Promise<void> => {
  await world.produce("sales", [{ id, shop, at, amount }]);
  sold.push({ id, shop, at, amount });
  await caughtUp(id, at);
};

test("a view that is not co-partitioned is looked up, and the prediction names the journal entry of what it saw", async () => {
  const seen = new Map<string, number>();
  for (let i = 0; i < 12; i++) {
    const id = visitors[(i + (i >> 2)) % visitors.length];
    const at = start + i * minute;
    const before = clicked.filter((one) => one.id === id).length;
    const made = await click(id, shops[i % shops.length], at);
    assert.deepEqual(made.features.slice(0, 2), [i, before === 0 ? Number.NaN : before], `click ${i} of ${id}`);
    assert.equal(made.lookups.length, 1);
    const [{ view, partition, offset }] = made.lookups;
    assert.deepEqual([view, partition], ["visitor", partitionOf(Buffer.from(id), partitions)]);
    if (before === 0) assert.equal(offset, -1, "of a visitor who is new nothing is known");
    else assert.ok(offset > (seen.get(id) ?? -1), `${id}: entry ${offset} follows ${seen.get(id)}`);
    seen.set(id, offset);
    if (i % 3 === 2) await sell(id, shops[(i + 1) % shops.length], at + 1, i);
  }
});

test("the online store answers for the view, now and as of another moment", async () => {
  for (const time of [start + 12 * minute, start + 65 * minute]) {
    const answered = await features.get(project, "visitor", [...visitors, "nobody"], undefined, time);
    const wanted = visitors.map((id) => ({ entity: id, status: "PRESENT", at: time, values: expected(id, time) }));
    const nobody = { entity: "nobody", status: "NOT_FOUND", at: time, values: [null, null] };
    assert.deepEqual(answered, [...wanted, nobody]);
  }
});

test("each prediction is proved by its own entry, also where two of one visitor fall on one moment", async () => {
  const at = start + 20 * minute;
  const first = await click("ann", "north", at);
  const second = await click("ann", "north", at);
  assert.equal(second.features[1], first.features[1] + 1);
  const predictions = await world.predictions();
  assert.equal(predictions.length, clicked.length);
  assert.deepEqual(await verify(predictions), { checked: clicked.length, mismatches: [], missing: [] });
});

test("a look-up that names another entry than it saw is found out", async () => {
  const honest = await world.predictions();
  const known = honest.filter(({ lookups }) => lookups[0].offset >= 0);
  const earlier = known.map((one) => ({ ...one, lookups: one.lookups.map((lookup) => ({ ...lookup, offset: 0 })) }));
  const { checked, mismatches } = await verify(earlier);
  assert.equal(checked, known.length);
  const wrong = new Set(mismatches.filter(({ what }) => what === "clicks").map(({ id }) => id));
  assert.ok(wrong.size >= known.length - partitions, `${wrong.size} of ${known.length}`);
});

test("after a restart the view goes on, and so does the proof", async () => {
  await world.stop();
  await world.start();
  const made = await click("bob", "east", start + 30 * minute);
  assert.equal(made.features[1], clicked.filter(({ id }) => id === "bob").length - 1);
  await sell("bob", "east", start + 31 * minute, 40);
  await click("bob", "south", start + 32 * minute);
  assert.deepEqual(await verify(await world.predictions()), { checked: clicked.length, mismatches: [], missing: [] });
});
