import assert from "node:assert/strict";
import { test } from "node:test";
import pino from "pino";
import { problems } from "../../infra/report.ts";
import { exportBoosting } from "../../ml/onnx/export.ts";
import { roleThread } from "../../platform/threads.ts";
import { settingsFor, temporaryFolder } from "../platform/shop.ts";
import { type Click, eventually, openWorld, stump } from "../streams/world.ts";

test("a thread whose step never ends is ended and started again; the second time without the task that held it", async (t) => {
  const said: Record<string, unknown>[] = [];
  const logger = pino({ level: "error" }, { write: (line: string) => void said.push(JSON.parse(line)) });
  const settings = settingsFor(temporaryFolder(t), { STREAMS_STEP_TIMEOUT_MS: "1000" });
  const share = { index: 0, of: 1 };
  const program = new URL("../platform/hanging.child.ts", import.meta.url);
  const thread = roleThread({ role: "streams", share, settings, warehouseUrl: "http://127.0.0.1:1" }, logger, program);
  t.after(() => thread.stop());
  const ended = () => said.filter(({ msg }) => msg === "a step holds its thread, which is ended");
  await eventually("the thread is ended twice", async () => ended().length === 2);
  assert.deepEqual(
    ended().map(({ task, stepTimeoutMs }) => [task, stepTimeoutMs]),
    [
      ["shop/3", 1000],
      ["shop/3", 1000],
    ],
  );
  await eventually("the thread to go on without it", async () => thread.problems().get("halted") === "shop/3");
});

test("a halted task stands still and is named; others go on, and it does when its application is changed", async (t) => {
  const world = await openWorld();
  t.after(() => world.close());
  const columns = [{ name: "price", from: "event.price" }];
  await world.version(1, exportBoosting(stump(0, 1, -1, 1), ["price"]), null, ["price"]);
  await world.deploy({ columns, outcome: null });
  const clicks: Click[] = ["north", "south", "east", "west"].map((shop, i) => ({
    id: `c${i}`,
    shop,
    at: Date.UTC(2026, 0, 5) + i,
    price: 1,
  }));
  await world.produce("clicks", clicks);
  const reported = problems();
  const released: string[] = [];
  // Learned from a first run: which tasks there are.
  const tasks = new Set<string>();
  await world.start({
    steps: { at: (task) => void (task !== null && tasks.add(task)), halted: [], released: () => {} },
  });
  await eventually("all to be predicted", async () => (await world.predictions()).length === 4);
  await world.stop();
  assert.equal(tasks.size, 2);
  const [held] = [...tasks].sort();

  await world.produce("clicks", clicks);
  const stepped = new Set<string | null>();
  await world.start({
    report: reported.report,
    steps: { at: (task) => void stepped.add(task), halted: [held], released: (task) => void released.push(task) },
  });
  const counted = async (): Promise<number> => (await world.predictions()).length;
  await eventually("the other partition to go on", async () => (await counted()) > 4);
  await eventually("the task to be named", async () => reported.current().get(`task ${held}`));
  assert.match(reported.current().get(`task ${held}`) as string, /stands still until its application is changed/);
  assert.ok(!stepped.has(held));
  assert.deepEqual(released, []);

  await world.append("deployment", "buy", {
    type: "TrafficChanged",
    data: { split: [{ model: "buyers", version: 1, variant: "champion", share: 1 }] },
  });
  await eventually("all to be predicted twice", async () => (await counted()) === 8);
  assert.deepEqual(released, [held]);
  await eventually("nothing to be wrong any more", async () => !reported.current().has(`task ${held}`));
});
