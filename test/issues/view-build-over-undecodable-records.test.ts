import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { platformState } from "../../commands/references/platform-state.ts";
import { jsonToAvro } from "../../schemas/avro-json.ts";
import { avroType, frame, recordDecoder } from "../../schemas/codec.ts";
import { unreadIndex } from "../../schemas/online-keys.ts";
import { type DeadLetterRecord, deadLetterSchema, predictionSchema, topicOf } from "../../schemas/topics.ts";
import { verifyAsServed } from "../../streams/verify/as-served.ts";
import { buildTrainingSet } from "../../training/dataset.ts";
import { planTraining } from "../../training/plan.ts";
import { eventually, openWorld, project, shopView, stump, type World } from "../streams/world.ts";
import { spec } from "../training/history.ts";

const start = Date.UTC(2026, 0, 5, 12);
const minute = 60_000;

const clickSchema = (price: string): string =>
  JSON.stringify({
    type: "record",
    name: "Click",
    fields: [
      { name: "id", type: "string" },
      { name: "shop", type: "string" },
      { name: "at", type: "long" },
      { name: "price", type: price },
    ],
  });

/** Clicks under a schema; the event store says that it is the source's, as an earlier release let it become. */
const changed = async (world: World, price: string) => {
  const schema = clickSchema(price);
  await world.registry.setCompatibility("clicks-value", "NONE");
  const { id: schemaId } = await world.registry.register("clicks-value", schema);
  await world.append("event-source", "clicks", { type: "EventSourceSchemaChanged", data: { schema, schemaId } });
  return async (from: number, to: number): Promise<void> => {
    const records = Array.from({ length: to - from }, (_, i) => {
      const click = { id: `c${from + i}`, shop: "north", at: start + (from + i) * minute, price: 1.5 };
      const value = jsonToAvro(avroType(schema), { ...click, price: price === "long" ? 1 : click.price });
      return { key: click.shop, value: frame(schemaId, avroType(schema), value), timestamp: click.at };
    });
    await world.broker.produce("clicks", records);
  };
};

const opened = async (t: TestContext): Promise<World> => {
  const world = await openWorld();
  t.after(() => world.close());
  await world.view("shop", shopView);
  await world.version(1, stump(1, 12, -1, 1));
  await world.deploy({ columns: columnsWithoutPrice, outcome: null });
  return world;
};

/** No column over the price, whose type changes. */
const columnsWithoutPrice = [
  { name: "price", from: "1.0" },
  { name: "clicks", from: "shop:clicks_1h" },
  { name: "amount", from: "shop:mean_amount_1d" },
];

const predicted = (world: World, count: number) =>
  eventually(`${count} predictions`, async () => {
    const made = await world.predictions();
    return made.length >= count && made;
  });

test("a new view is built without the records that its source's schema no longer reads, and says so", async (t) => {
  const world = await opened(t);
  const writeDoubles = await changed(world, "double");
  await world.start();
  await writeDoubles(0, 4);
  await predicted(world, 4);
  const writeLongs = await changed(world, "long");
  await writeLongs(4, 6);
  await predicted(world, 6);
  await world.view("second", { ...shopView, features: [{ ...shopView.features[0], name: "seen" }] });
  const columns = [{ name: "price", from: "1.0" }, { name: "clicks", from: "second:seen" }, columnsWithoutPrice[2]];
  await world.deploy({ columns, outcome: null }, "again");
  await writeLongs(6, 7);
  const made = await predicted(world, 7);
  const last = made.find(({ key, eventTime }) => key !== undefined && eventTime === start + 6 * minute);
  assert.equal(last?.features[1], 7, "the first view still has all");
  type Made = { features: number[] };
  const [again] = await eventually("the prediction over the new view", async () => {
    const found = await world.read<Made>(topicOf.predictions(project, "again"), predictionSchema);
    return found.length > 0 && found;
  });
  assert.equal(again.features[1], 3, "the new view has what can be read");
  const letters = await eventually("the dead letters", async () => {
    const found = await world.read<DeadLetterRecord>(topicOf.deadLetters(project), deadLetterSchema);
    return found.length >= 4 && found;
  });
  assert.deepEqual(
    letters.map(({ stage, code, topic }) => ({ stage, code, topic })),
    Array.from({ length: 4 }, () => ({ stage: "build", code: "UNDECODABLE_RECORD", topic: "clicks" })),
  );
  assert.match(letters[0].message, /the view "second" is built without this record: schema \d+ cannot be read/);
  const said = await world.onlineStore.range(unreadIndex(project, "second", 1), { limit: 10 });
  assert.deepEqual(
    said.map(({ score }) => score),
    [4],
  );
  assert.deepEqual(await world.onlineStore.range(unreadIndex(project, "shop", 1), { limit: 10 }), []);

  await world.stop();
  await world.start();
  await writeLongs(7, 8);
  await predicted(world, 8);
  const after = await world.read(topicOf.deadLetters(project), deadLetterSchema);
  assert.equal(after.length, 4, "a restart tells nothing twice");
  assert.deepEqual(await world.onlineStore.range(unreadIndex(project, "second", 1), { limit: 10 }), said);
});

test("predictions from before a change of schema are proved by the schema that was in force", async (t) => {
  const world = await opened(t);
  const writeDoubles = await changed(world, "double");
  await world.start();
  await writeDoubles(0, 5);
  const made = await predicted(world, 5);
  await changed(world, "long");
  const predictions = made.map((prediction) => ({ ...prediction, endpoint: "buy" }));
  const proof = await verifyAsServed(world.eventStore, { ...world, project, predictions });
  assert.deepEqual(proof, { checked: 5, mismatches: [], missing: [] });
});

test("a training set is built without the records that cannot be read, and counts them", async (t) => {
  const world = await opened(t);
  const writeDoubles = await changed(world, "double");
  await world.start();
  await writeDoubles(0, 4);
  await predicted(world, 4);
  const writeLongs = await changed(world, "long");
  await writeLongs(4, 6);
  await world.produce("sales", [{ id: "c5", shop: "north", at: start + 10 * minute, amount: 20 }]);
  // Behind the sale in event time: once it is taken, so is the sale.
  await writeLongs(20, 21);
  await predicted(world, 7);
  const label = { source: "sales", key: ["id"], value: "event.amount", horizonMs: 60 * minute };
  const range = { from: start, to: start + 60 * minute };
  const columns = columnsWithoutPrice.slice(0, 2);
  const asked = { ...spec, ...range, task: "regression" as const, trigger: "clicks", columns, label };
  const plan = planTraining(await platformState(world.eventStore).now(), project, asked);
  const set = await buildTrainingSet({ broker: world.broker, registry: world.registry, plan });
  assert.deepEqual([set.unread, [...set.matrix.labels], [...set.times]], [4, [20], [start + 5 * minute]]);
});

test("a record in JSON from before a field had its name is read by the field's alias", () => {
  const schema = JSON.stringify({
    type: "record",
    name: "Event",
    fields: [{ name: "amount", type: "long", aliases: ["sum"] }],
  });
  const bytes = Buffer.from('{"sum": 3}');
  assert.deepEqual(recordDecoder(schema, () => undefined).decode(bytes, 0, bytes.length), { amount: 3 });
});
