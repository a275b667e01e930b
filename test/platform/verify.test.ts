import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { verify, verifySample } from "../../platform/cli/verify.ts";
import { openShop, type Running, runPlatform, settingsFor, temporaryFolder, trade, untilTraded } from "./shop.ts";

const events = 150;

/** What somebody would do who changes a prediction afterwards. */
const tamper = async ({ warehouse }: Running, id: string, change: string): Promise<void> => {
  const where = `WHERE id = '${id}'`;
  await warehouse.client.command({
    query: `ALTER TABLE predictions UPDATE ${change} ${where} SETTINGS mutations_sync = 1`,
  });
};

const command = async (t: TestContext, values: Record<string, string>): Promise<{ code: number; printed: string }> => {
  const lines: string[] = [];
  const print = t.mock.method(console, "log", (line: string) => void lines.push(line));
  try {
    return { code: await verify.run({ values, positionals: [] }), printed: lines.join("\n") };
  } finally {
    print.mock.restore();
  }
};

test("stored predictions are proved from the log, and what was changed afterwards is found", async (t) => {
  const running = await runPlatform(t, settingsFor(temporaryFolder(t)));
  await openShop(running);
  await trade(running.client, 0, events);
  await untilTraded(running, events);
  const { settings } = running;
  const flags = { data: settings.data, port: String(settings.port), sample: "1000" };
  const check = (sample = events) => verifySample(settings, running.platform.warehouseUrl, "shop", sample);

  assert.deepEqual(await check(), { checked: events, mismatches: [], missing: [] });
  assert.equal((await check(10)).checked, 10);
  const sound = await command(t, flags);
  assert.deepEqual(sound, { code: 0, printed: `shop: ${events} predictions checked, 0 values differ` });

  const ids = (await running.sql<{ id: string }>("SELECT id FROM predictions ORDER BY id LIMIT 3")).map(({ id }) => id);
  const [output, feature, both] = ids;
  await tamper(running, output, "output = output + 1e-12");
  await tamper(
    running,
    feature,
    "features = arrayMap((x, i) -> i = 2 ? x + 1 : x, features, arrayEnumerate(features))",
  );
  await tamper(running, both, "output = 0.25, features = []");
  const found = await check();
  assert.deepEqual(new Set(found.mismatches.map(({ id }) => id)), new Set(ids));
  const changed = found.mismatches.find(({ id }) => id === output);
  assert.ok(changed !== undefined && changed.stored !== changed.recomputed);
  assert.deepEqual(
    found.mismatches.filter(({ id }) => id === feature).map(({ what }) => what.includes("clicks")),
    [true],
  );

  const refused = await command(t, flags);
  assert.equal(refused.code, 1);
  for (const id of ids) assert.match(refused.printed, new RegExp(`${id} .*: stored .*, recomputed`));
});

test("there is nothing to verify where there is no data", async (t) => {
  await assert.rejects(verify.run({ values: { data: temporaryFolder(t), sample: "1" }, positionals: [] }), {
    code: "NOT_FOUND",
    message: /name it with --data/,
  });
});
