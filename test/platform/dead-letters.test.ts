import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { deadLetters, replayDeadLetters } from "../../platform/cli/dead-letters.ts";
import { eventually } from "../streams/world.ts";
import { openShop, type Running, runPlatform, settingsFor, temporaryFolder, trade, untilTraded } from "./shop.ts";

const letters = (running: Running): Promise<number> => running.count("SELECT count() AS n FROM dead_letters FINAL");

const command = async (t: TestContext, action: string, flags: Record<string, string>): Promise<string> => {
  const lines: string[] = [];
  const print = t.mock.method(console, "log", (line: string) => void lines.push(line));
  try {
    assert.equal(await deadLetters.run({ values: { limit: "50", ...flags }, positionals: [action] }), 0);
    return lines.join("\n");
  } finally {
    print.mock.restore();
  }
};

test("records that could not be used are listed, and each is replayed exactly once", async (t) => {
  const running = await runPlatform(t, settingsFor(temporaryFolder(t)));
  const { broker } = running.engines;
  const { data } = running.settings;
  await openShop(running);
  await trade(running.client, 0, 20);
  await untilTraded(running, 20);

  const at = Date.UTC(2026, 0, 5);
  const broken = ["not Avro at all", "neither is this"].map((text) => ({
    key: "shop 1",
    value: Buffer.from(text),
    timestamp: at,
  }));
  const [{ partition, offset }] = await broker.produce("clicks", broken);
  await eventually("two dead letters", async () => (await letters(running)) === 2);
  const listed = await command(t, "list", { data });
  assert.match(listed, new RegExp(`clicks/${partition}@${offset} \\w+ \\w+: `));
  assert.match(listed, /not Avro at all/);
  assert.match(listed, /^2 dead letters$/m);
  assert.match(await command(t, "list", { data, limit: "1" }), /^2 dead letters, the newest 1 shown$/m);
  assert.match(await command(t, "list", { data, topic: "sales" }), /^0 dead letters$/m);

  const high = async (): Promise<number> => (await broker.watermarks("clicks"))[partition].high;
  const before = await high();
  assert.equal(await replayDeadLetters(broker, { topic: "sales" }), 0);
  assert.match(await command(t, "replay", { data, code: "UNDECODABLE_RECORD" }), /^2 records replayed$/m);
  assert.equal(await high(), before + 2, "to the same partition, each once");
  const reader = broker.reader({
    partitions: [{ topic: "clicks", partition }],
    from: new Map([[`clicks/${partition}`, before]]),
  });
  const batch = await reader.poll("clicks", partition);
  await reader.close();
  assert.deepEqual(batch?.headers?.[0], { "millrace-replay-of": `clicks/${partition}@${offset}` });

  // They fail again, as nothing was mended: as dead letters of their own, which a replay takes up in turn.
  await eventually("their dead letters", async () => (await letters(running)) === 4);
  assert.equal(await replayDeadLetters(broker, { project: "shop" }), 2, "a wider filter takes none a second time");
  await eventually("theirs", async () => (await letters(running)) === 6);
  await trade(running.client, 20, 40);
  await untilTraded(running, 40);
});

test("a replay that has nothing to do writes nothing", async (t) => {
  const running = await runPlatform(t, settingsFor(temporaryFolder(t)));
  await openShop(running);
  await trade(running.client, 0, 5);
  await untilTraded(running, 5);
  assert.equal(await replayDeadLetters(running.engines.broker, {}), 0);
  assert.equal(await replayDeadLetters(running.engines.broker, { project: "shop" }), 0);
});
