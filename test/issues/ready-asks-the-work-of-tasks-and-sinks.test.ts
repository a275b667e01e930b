import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { topicOf } from "../../schemas/topics.ts";
import {
  openShop,
  type Running,
  runPlatform,
  settingsFor,
  temporaryFolder,
  trade,
  untilTraded,
} from "../platform/shop.ts";
import { eventually } from "../streams/world.ts";

type Readiness = { status: string; checks: Record<string, string> };

const askReady = async ({ platform }: Running): Promise<Readiness & { code: number }> => {
  const answer = await fetch(`${platform.url}/health/ready`);
  return { code: answer.status, ...((await answer.json()) as Readiness) };
};

const untilReady = (running: Running): Promise<unknown> =>
  eventually("ready", async () => (await askReady(running)).code === 200);

const untilNamed = (running: Running, part: RegExp): Promise<string> =>
  eventually(`ready names ${part}`, async () => {
    const { code, checks } = await askReady(running);
    const found = Object.entries(checks).find(([name, state]) => part.test(name) && state !== "ok");
    return code === 503 && found !== undefined ? found.join(": ") : null;
  });

const shop = async (t: TestContext): Promise<Running> => {
  const running = await runPlatform(t, settingsFor(temporaryFolder(t)));
  await openShop(running);
  await trade(running.client, 0, 20);
  await untilTraded(running, 20);
  return running;
};

test("ready names a task that fails again and again, and a sink whose inserts fail, until they work", async (t) => {
  const running = await shop(t);
  await untilReady(running);

  await t.test("a task", async () => {
    const { broker } = running.engines;
    const topic = topicOf.predictions("shop", "buy");
    const config = await broker.topic(topic);
    await broker.deleteTopic(topic);
    await trade(running.client, 20, 40);
    assert.match(await untilNamed(running, /^task shop\.by-shop-2\/[01]$/), /: UNKNOWN_TOPIC: /);
    await broker.ensureTopic(topic, config as NonNullable<typeof config>);
    await untilReady(running);
  });

  await t.test("a sink", async () => {
    await running.warehouse.client.command({ query: "RENAME TABLE outcomes TO outcomes_away" });
    await trade(running.client, 40, 60);
    assert.match(await untilNamed(running, /^sink outcomes$/), /WAREHOUSE_FAILED/);
    await running.warehouse.client.command({ query: "RENAME TABLE outcomes_away TO outcomes" });
    await untilReady(running);
  });
});
