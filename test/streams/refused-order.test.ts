import assert from "node:assert/strict";
import { test } from "node:test";
import { type Click, eventually, openWorld, type Sale, shopView, stump } from "./world.ts";

const start = Date.UTC(2026, 0, 5, 12);
const minute = 60_000;

/** Clicks on the minute, sales half a minute after; no sale before the first click. */
const clicks: Click[] = Array.from({ length: 40 }, (_, i) => ({
  id: `c${i}`,
  shop: "north",
  at: start + i * minute,
  price: 1,
}));
const sales: Sale[] = clicks.map((click, i) => ({ ...click, at: click.at + minute / 2, amount: i }));

for (const maxBatchRecords of [1, 7, 1000]) {
  test(`a refused record changes no other's place, whatever the batches (${maxBatchRecords})`, async (t) => {
    const world = await openWorld();
    t.after(() => world.close());
    await world.view("shop", shopView);
    await world.version(1, stump(1, 12, -1, 1));
    await world.deploy();
    const junk = { key: "north", value: Buffer.from("no avro"), timestamp: Date.UTC(2200, 0) };
    for (let i = 0; i < clicks.length; i += 8) {
      await world.broker.produce("clicks", [junk]);
      await world.produce("clicks", clicks.slice(i, i + 8));
    }
    await world.produce("clicks", [{ id: "end", shop: "north", at: start + 1000 * minute, price: 1 }]);
    await world.produce("sales", sales);
    await world.start({ maxBatchRecords, maxTaskIdleMs: 3_600_000 });
    const made = await eventually("all predictions", async () => {
      const predictions = await world.predictions();
      return predictions.length >= clicks.length && predictions;
    });
    for (const [i, prediction] of made.entries()) {
      const earlier = sales.slice(0, i).map(({ amount }) => amount);
      const mean = earlier.length === 0 ? Number.NaN : earlier.reduce((sum, amount) => sum + amount, 0) / i;
      assert.deepEqual(prediction.features.slice(1), [i + 1, Math.fround(mean)], prediction.key);
    }
  });
}
