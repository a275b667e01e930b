import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import pino from "pino";
import { startEmbeddedWarehouse } from "../../infra/warehouse/embedded.ts";
import { openWarehouse } from "../../infra/warehouse/open.ts";
import { type RoleThread, roleThread } from "../../platform/threads.ts";
import { ensureTables } from "../../projections/clickhouse/tables.ts";
import { eventually } from "../streams/world.ts";
import { settingsFor, temporaryFolder } from "./shop.ts";

/** A logger that keeps the messages. */
const remembering = () => {
  const said: string[] = [];
  const logger = pino(
    { level: "trace" },
    { write: (line: string) => void said.push((JSON.parse(line) as { msg: string }).msg) },
  );
  return { logger, said };
};

const streamsThread = (t: TestContext, folder: string, environment: Record<string, string> = {}) => {
  const { logger, said } = remembering();
  const settings = settingsFor(folder, environment);
  const warehouseUrl = "http://127.0.0.1:1";
  const thread = roleThread({ role: "streams", share: { index: 0, of: 1 }, settings, warehouseUrl }, logger);
  t.after(() => thread.stop());
  return { thread, said };
};

const measured = (thread: RoleThread): Promise<string[]> =>
  eventually("metrics of the role", async () => {
    const metrics = await thread.metrics();
    return metrics.length > 0 ? metrics.map(({ name }) => name) : null;
  });

test("a role measures itself in its thread, and its thread ends when it is told to", async (t) => {
  const { thread, said } = streamsThread(t, temporaryFolder(t));
  assert.equal(thread.ready(), false);
  const names = await measured(thread);
  assert.ok(
    names.every((name) => name.startsWith("millrace_")),
    names.join(", "),
  );
  assert.equal(thread.running(), true);
  await eventually("the role to be ready", async () => thread.ready());
  await thread.stop();
  assert.equal(thread.running(), false);
  assert.deepEqual(await thread.metrics(), []);
  assert.deepEqual(said, []);
});

test("a role that dies is started again until it lives", async (t) => {
  const folder = temporaryFolder(t);
  const inTheWay = join(folder, "engines");
  writeFileSync(inTheWay, "a file where a folder must be");
  const { thread, said } = streamsThread(t, folder, { EVENT_STORE: `sqlite:${join(inTheWay, "millrace.db")}` });
  await eventually(
    "the role has died twice",
    async () => said.filter((line) => /started again/.test(line)).length >= 2,
  );
  assert.ok(said.includes("role failed"));
  assert.equal(thread.ready(), false);
  rmSync(inTheWay);
  assert.ok((await measured(thread)).length > 0);
  assert.equal(thread.running(), true);
});

test("a role that waits to be started again can be stopped", async (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, "engines"), "");
  const { thread, said } = streamsThread(t, folder, {
    EVENT_STORE: `sqlite:${join(folder, "engines", "millrace.db")}`,
  });
  await eventually(
    "the role has died",
    async () => said.some((line) => /started again/.test(line)) && !thread.running(),
  );
  await thread.stop();
  assert.equal(thread.running(), false);
});

test("a held role stands still, counts as running, and lives again after the work, even when that failed", async (t) => {
  const { thread, said } = streamsThread(t, temporaryFolder(t));
  await measured(thread);
  const order: string[] = [];
  const first = thread.whileStill(async () => {
    assert.deepEqual(await thread.metrics(), []);
    assert.equal(thread.running(), true);
    order.push("first");
  });
  const second = thread.whileStill(async () => {
    order.push("second");
    throw new Error("the work failed");
  });
  await first;
  await assert.rejects(second, /the work failed/);
  assert.deepEqual(order, ["first", "second"]);
  assert.ok((await measured(thread)).length > 0);
  assert.deepEqual(said, []);
});

test("a held role whose platform ends is not started again", async (t) => {
  const { thread } = streamsThread(t, temporaryFolder(t));
  await measured(thread);
  const held = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const hold = thread.whileStill(() => {
    held.resolve();
    return release.promise;
  });
  await held.promise;
  await thread.stop();
  release.resolve();
  await hold;
  assert.equal(thread.running(), false);
});

test("the projections role is held and stopped without an error", async (t) => {
  const folder = temporaryFolder(t);
  const engine = await startEmbeddedWarehouse({ directory: join(folder, "warehouse") });
  t.after(() => engine.close());
  const warehouse = openWarehouse(engine.url);
  t.after(() => warehouse.close());
  await ensureTables(warehouse);
  const { logger, said } = remembering();
  const share = { index: 0, of: 1 };
  const settings = settingsFor(folder);
  const thread = roleThread({ role: "projections", share, settings, warehouseUrl: engine.url }, logger);
  t.after(() => thread.stop());
  await thread.whileStill(async () => assert.equal(thread.running(), true));
  await thread.stop();
  assert.deepEqual(said, []);
});

test("a role that takes up its work after it was told to stop is given the time to drain it", async (t) => {
  const program = new URL("./late-ready.child.ts", import.meta.url);
  const settings = settingsFor(temporaryFolder(t));
  const { logger } = remembering();
  const data = { role: "streams", share: { index: 0, of: 1 }, settings, warehouseUrl: "http://127.0.0.1:1" } as const;
  const thread = roleThread(data, logger, program);
  assert.equal(await thread.stop(), true);
  assert.equal(thread.ready(), true);
});
