import assert from "node:assert/strict";
import { test } from "node:test";
import { openEngines } from "../../platform/engines.ts";
import { settingsFor, temporaryFolder } from "./shop.ts";

test("engines of several openers share what the settings name", async (t) => {
  const settings = settingsFor(temporaryFolder(t));
  const mine = await openEngines(settings);
  const other = await openEngines(settings);
  await mine.broker.ensureTopic("clicks", { partitions: 1, cleanup: "delete" });
  await mine.broker.produce("clicks", [{ key: "a", value: Buffer.from("1"), timestamp: 1 }]);
  assert.deepEqual(await other.broker.watermarks("clicks"), [{ low: 0, high: 1 }]);
  const { digest } = await mine.artifacts.put(Buffer.from("model"));
  assert.equal((await other.artifacts.read(digest)).toString(), "model");
  await mine.onlineStore.setMany([{ key: "k", value: Buffer.from("v") }]);
  assert.equal((await other.onlineStore.get("k"))?.toString(), "v");
  await mine.close();
  assert.deepEqual(
    await other.broker.watermarks("clicks"),
    [{ low: 0, high: 1 }],
    "closing mine leaves the other open",
  );
  await other.close();
  await assert.rejects(other.onlineStore.setMany([]), { code: "CLOSED" });
});

test("an engine that is not known is named with its setting, and what was open is closed", async (t) => {
  for (const setting of ["EVENT_STORE", "BROKER", "ONLINE_STORE", "SCHEMA_REGISTRY", "ARTIFACTS"]) {
    const settings = settingsFor(temporaryFolder(t), { [setting]: "carrier-pigeon:coop" });
    await assert.rejects(openEngines(settings), { code: "INVALID_SETTING", message: new RegExp(`^${setting}: `) });
  }
});
