import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { madeAgain, replay } from "../../infra/broker/journal.ts";
import { topicOf } from "../../schemas/topics.ts";
import {
  type Click,
  eventually,
  openWorld,
  project,
  type Sale,
  shopView,
  stump,
  type World,
} from "../streams/world.ts";

const start = Date.UTC(2026, 0, 5, 12);
const minute = 60_000;

const clicks = (from: number, to: number, prefix: string): Click[] =>
  Array.from({ length: to - from }, (_, i) => ({
    id: `${prefix}${from + i}`,
    shop: "north",
    at: start + (from + i) * minute,
    price: (from + i) % 23,
  }));
const sale: Sale = { id: "s", shop: "north", at: start, amount: 11 };

/** A running world in which every click is a prediction; each has how many clicks its shop has had in an hour. */
const opened = async (t: TestContext): Promise<World> => {
  const world = await openWorld();
  t.after(() => world.close());
  await world.view("shop", shopView);
  await world.version(1, stump(1, 12, -1, 1));
  await world.deploy();
  await world.produce("sales", [sale]);
  return world;
};

const predicted = (world: World, count: number) =>
  eventually(`${count} predictions`, async () => {
    const made = await world.predictions();
    return made.length >= count && made;
  });

const makeAgain = async (world: World, topic: string): Promise<void> => {
  const config = await world.broker.topic(topic);
  assert.ok(config !== null);
  await world.broker.deleteTopic(topic);
  await world.broker.ensureTopic(topic, config);
};

test("a task goes on at the start of an input that was deleted and made again under it, with the state it had", async (t) => {
  const world = await opened(t);
  await world.produce("clicks", clicks(0, 40, "old"));
  await world.start({ maxTaskIdleMs: 10 });
  await predicted(world, 40);
  await makeAgain(world, "clicks");
  await world.produce("clicks", clicks(40, 50, "new"));
  const made = await predicted(world, 50);
  const byKey = new Map(made.map((one) => [one.key, one]));
  for (let i = 40; i < 50; i++) assert.ok(byKey.has(`new${i}`), `new${i}`);
  // An hour of clicks, one a minute: those of the old topic among them.
  assert.ok((byKey.get("new40")?.features[1] ?? 0) > 30, String(byKey.get("new40")?.features));
});

test("a task that stood still meanwhile takes the new topic, and its journal of the old one is not read out of it", async (t) => {
  const world = await opened(t);
  await world.produce("clicks", clicks(0, 40, "old"));
  await world.start({ maxTaskIdleMs: 10 });
  await predicted(world, 40);
  await world.stop();
  await makeAgain(world, "clicks");
  await world.produce("clicks", clicks(100, 160, "new"));
  await world.start({ maxTaskIdleMs: 10 });
  const made = await predicted(world, 100);
  assert.equal(made.filter(({ key }) => key.startsWith("new")).length, 60);
  await world.stop();
  await world.start({ maxTaskIdleMs: 10 });
  await world.produce("clicks", clicks(160, 170, "new"));
  assert.equal((await predicted(world, 110)).filter(({ key }) => key.startsWith("new")).length, 70);
});

test("a replay of what was taken of a topic that was made again is refused, and tells where the new one begins", async (t) => {
  const world = await opened(t);
  await world.produce("clicks", clicks(0, 40, "old"));
  await world.start({ maxTaskIdleMs: 10 });
  await predicted(world, 40);
  await makeAgain(world, "clicks");
  await world.produce("clicks", clicks(100, 160, "new"));
  await predicted(world, 100);
  await world.stop();
  const [application] = (await world.broker.topics())
    .map(({ topic }) => topic)
    .filter((topic) => topic.endsWith(".journal"))
    .map((topic) => topic.slice(0, -".journal".length));
  const partition = (await world.broker.watermarks("clicks")).findIndex(({ high }) => high > 0);
  const seen: number[] = [];
  let lost = new Map<string, number>();
  await assert.rejects(
    replay(world.broker, { application, partition }, () => {}),
    (error) => {
      const again = madeAgain(error);
      assert.equal(again?.topic, "clicks");
      lost = new Map([["clicks", again?.entry as number]]);
      return true;
    },
  );
  await replay(world.broker, { application, partition, lost }, (topic, batch, i) => {
    if (topic === "clicks") seen.push(batch.offsets[i]);
  });
  assert.deepEqual(
    seen,
    Array.from({ length: 60 }, (_, i) => i),
  );
});

test("a view that is new is built from what there is, though an input was made again", async (t) => {
  const world = await opened(t);
  await world.produce("clicks", clicks(0, 40, "old"));
  await world.start({ maxTaskIdleMs: 10 });
  await predicted(world, 40);
  await makeAgain(world, "clicks");
  await world.produce("clicks", clicks(100, 130, "new"));
  await predicted(world, 70);
  await world.view("again", shopView);
  await world.produce("clicks", clicks(130, 140, "new"));
  assert.equal((await predicted(world, 80)).length, 80);
});

test("topics of a task's own that somebody deletes are made again, and the task goes on", async (t) => {
  const world = await opened(t);
  await world.produce("clicks", clicks(0, 10, "old"));
  await world.start({ maxTaskIdleMs: 10 });
  await predicted(world, 10);
  await world.broker.deleteTopic(topicOf.predictions(project, "buy"));
  await world.produce("clicks", clicks(10, 20, "new"));
  await eventually("predictions again", async () => {
    if ((await world.broker.topic(topicOf.predictions(project, "buy"))) === null) return false;
    return (await world.predictions()).filter(({ key }) => key.startsWith("new")).length >= 10;
  });
});
