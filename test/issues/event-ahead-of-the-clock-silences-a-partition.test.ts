import assert from "node:assert/strict";
import { test } from "node:test";
import { Registry } from "prom-client";
import { viewState } from "../../ml/features/state.ts";
import { planView } from "../../ml/features/view.ts";
import { deadLetterSchema, type TileRecord, tileSchema, topicOf } from "../../schemas/topics.ts";
import { columns, eventually, openWorld, project, shopView, stump } from "../streams/world.ts";

const HOUR = 3_600_000;

const clicksOf = (shop: string, times: readonly number[]) =>
  times.map((at) => ({ id: `${shop}${at}`, shop, at, price: 1 }));

/** Both are in partition 0. */
const [good, ahead] = ["north", "mid"];

test("one record 23 hours ahead is refused, counted, and costs other entities nothing", async () => {
  const world = await openWorld();
  try {
    const metrics = new Registry();
    await world.view("shop", { ...shopView, allowedLatenessMs: HOUR });
    await world.version(1, stump(1, 5, -1, 1));
    await world.deploy({ outcome: null });
    const now = Date.now();
    await world.produce("clicks", clicksOf(good, [now]));
    await world.produce("clicks", clicksOf(ahead, [now + 23 * HOUR]));
    await world.produce("clicks", clicksOf(good, [now + 1, now + 2, now + 3]));
    await world.start({ metrics });
    const made = await eventually("predictions", async () => {
      const found = await world.predictions();
      return found.length >= 4 && found;
    });
    assert.deepEqual(
      made.map(({ entity, features }) => [entity, features[1]]),
      [1, 2, 3, 4].map((count) => [good, count]),
    );
    type Letter = { code: string; stage: string; message: string };
    const letters = await world.read<Letter>(topicOf.deadLetters(project), deadLetterSchema);
    assert.deepEqual(
      letters.map(({ code, stage }) => [code, stage]),
      [["EVENT_AHEAD", "decode"]],
    );
    assert.match(letters[0].message, /STREAMS_MAX_AHEAD_MS/);
    assert.match(await metrics.metrics(), /millrace_events_dropped_total\{name="test\/clicks",cause="ahead"\} 1/);
    const tiles = await world.read<TileRecord>(topicOf.tiles(project), tileSchema);
    const dropped = tiles.filter(({ kind }) => kind === "dropped");
    assert.deepEqual(
      dropped.map(({ endpoint, model, rows }) => [endpoint, model, rows]),
      [["clicks", "ahead", 1]],
    );
  } finally {
    await world.close();
  }
});

test("what is ahead within the setting closes the windows of its own entity only, and what that drops is counted", async () => {
  const world = await openWorld();
  try {
    const metrics = new Registry();
    await world.view("shop", shopView);
    await world.version(1, stump(1, 5, -1, 1));
    await world.deploy({ outcome: null, columns: columns.slice(1) });
    const now = Date.now();
    await world.produce("clicks", clicksOf(good, [now]));
    await world.produce("clicks", clicksOf(ahead, [now + 23 * HOUR, now]));
    await world.produce("clicks", clicksOf(good, [now + 1, now + 2, now + 3]));
    await world.start({ metrics, maxAheadMs: 24 * HOUR });
    const made = await eventually("predictions", async () => {
      const found = await world.predictions();
      return found.length >= 6 && found;
    });
    assert.deepEqual(
      made.filter(({ entity }) => entity === good).map(({ features, late }) => [features[0], late]),
      [1, 2, 3, 4].map((count) => [count, false]),
    );
    assert.deepEqual(
      made.filter(({ entity }) => entity === ahead).map(({ late }) => late),
      [false, true],
    );
    assert.match(await metrics.metrics(), /millrace_events_dropped_total\{name="test\/shop",cause="late"\} 1/);
  } finally {
    await world.close();
  }
});

test("in a view, an entity's newest event says what is late for it, and for no other", () => {
  const source = {
    name: "clicks",
    topic: "clicks",
    schema: JSON.stringify({
      type: "record",
      name: "Click",
      fields: [
        { name: "shop", type: ["null", "string"] },
        { name: "at", type: "long" },
      ],
    }),
    key: "shop",
    timestamp: "at",
  };
  const definition = { ...shopView, features: shopView.features.slice(0, 1) };
  const state = viewState(planView("shop", 1, definition, [source]));
  const at = Date.UTC(2026, 0, 1);
  assert.equal(state.apply("clicks", { shop: "a" }, at + 1000 * HOUR), true);
  assert.equal(state.apply("clicks", { shop: "b" }, at), true);
  assert.equal(state.apply("clicks", { shop: "b" }, at + 1), true);
  assert.equal(state.apply("clicks", { shop: "a" }, at), false);
  assert.equal(state.apply("clicks", { shop: null }, at), false);
  assert.deepEqual(state.left, { late: 1, keyless: 1 });
});
