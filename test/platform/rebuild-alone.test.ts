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
  await running.close();
  const signal = new AbortController().signal;
  for (const name of projectionNames) {
    const { records } = await rebuildAlone(name, { settings, logger: silent, signal, onProgress: () => {} });
    if (name === "predictions" || name === "outcomes") assert.equal(records, 200);
  }
  const again = await runPlatform(t, { ...settings, port: 0 });
  assert.equal(await again.count("SELECT count() AS n FROM predictions"), 200);
  const answer = await again.client.query<{ models: { total: number } }>(
    '{ models(project: "shop", first: 5) { total } }',
  );
  assert.equal(answer.models.total, 1);
});
