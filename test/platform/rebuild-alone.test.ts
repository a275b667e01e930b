import assert from "node:assert/strict";
import { test } from "node:test";
import { rebuildAlone } from "../../platform/cli/rebuild-alone.ts";
import { projectionNames } from "../../platform/rebuild/rebuild.ts";
import { openShop, runPlatform, settingsFor, silent, temporaryFolder, trade, untilTraded } from "./shop.ts";

test("with no platform on the data the command rebuilds by itself", async (t) => {
  const running = await runPlatform(t, settingsFor(temporaryFolder(t)));
  await openShop(running);
  await trade(running.client, 0, 200);
  await untilTraded(running, 200);
  const { settings } = running;
  await running.warehouse.client.command({ query: "CREATE TABLE outcomes__rebuild AS outcomes" });
  await running.close();
  const signal = new AbortController().signal;
  // What a rebuild that was killed has left is in nobody's way, and is gone when a platform starts.
  for (const name of projectionNames.filter((each) => each !== "outcomes")) {
    const { records } = await rebuildAlone(name, { settings, logger: silent, signal, onProgress: () => {} });
    if (name === "predictions") assert.equal(records, 200);
  }
  const again = await runPlatform(t, { ...settings, port: 0 });
  assert.equal(await again.count("SELECT count() AS n FROM predictions"), 200);
  assert.equal(await again.count("SELECT count() AS n FROM system.tables WHERE name LIKE '%rebuild'"), 0);
  const answer = await again.client.query<{ models: { total: number } }>(
    '{ models(project: "shop", first: 5) { total } }',
  );
  assert.equal(answer.models.total, 1);
});
