import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { buildProfile, encodeProfile } from "../../ml/drift/profile.ts";
import type { MonitorDefinition } from "../../schemas/lifecycle/monitor.ts";
import { driftSchema, topicOf } from "../../schemas/topics.ts";
import { type Click, columns, eventually, openWorld, project, shopView, stump, type World } from "./world.ts";

const hour = 3_600_000;
const day = 24 * hour;
const start = Date.UTC(2026, 0, 5);

type Result = {
  monitor: string;
  column: string;
  statistic: string;
  value: number;
  drifted: boolean;
  from: number;
  to: number;
  rows: number;
};

let world: World;
before(async () => {
  world = await openWorld();
  await world.view("shop", shopView);
  const names = columns.map(({ name }) => name);
  const rows = 500;
  const values = Float32Array.from({ length: rows * names.length }, (_, i) =>
    i % names.length === 0 ? (i * 7) % 40 : 1,
  );
  const labels = new Float32Array(rows);
  const matrix = { rows, columns: names, values, labels };
  const profile = await world.artifacts.put(encodeProfile(buildProfile(matrix, labels.fill(0.5))));
  await world.version(1, stump(0, 20, -1, 1), profile.digest);
  await world.deploy();
});
after(() => world.close());

const results = (): Promise<Result[]> => world.read<Result>(topicOf.drift(project), driftSchema);

const monitor = (id: string, definition: MonitorDefinition) =>
  world.append("monitor", id, { type: "MonitorCreated", data: definition });

const psi = (threshold: number): MonitorDefinition => ({
  kind: "drift",
  deployment: "buy",
  statistic: "psi",
  threshold,
  columns: ["price"],
  windowMs: day,
  minRows: 50,
});

/** A click every four minutes on both partitions' shops; prices as the reference has them, or twice as high. */
const clicks = (from: number, hours: number, factor: number): Click[] =>
  Array.from({ length: hours * 15 }, (_, i) => ({
    id: `c${from + i}`,
    shop: ["north", "south", "east", "west", "mid"][i % 5],
    at: from + i * 4 * 60_000,
    price: ((i * 7) % 40) * factor,
  }));

test("a window that every partition has left behind is judged once, drift is told from calm", async () => {
  await monitor("prices", psi(0.25));
  await world.start({ maxTaskIdleMs: 0 });
  await world.produce("clicks", clicks(start, 24, 1));
  await world.produce("clicks", clicks(start + day, 24, 3));
  await world.produce("clicks", clicks(start + 2 * day, 2, 1));
  const judged = await eventually("two windows", async () => {
    const found = (await results()).filter((one) => one.monitor === "prices");
    return found.length >= 2 && found;
  });
  assert.deepEqual(
    judged.map(({ column, statistic, from, to, rows, drifted }) => ({ column, statistic, from, to, rows, drifted })),
    [
      { column: "price", statistic: "psi", from: start, to: start + day, rows: 360, drifted: false },
      { column: "price", statistic: "psi", from: start + day, to: start + 2 * day, rows: 360, drifted: true },
    ],
  );
  assert.ok(judged[0].value < 0.05 && judged[1].value > 0.5, `PSI ${judged.map(({ value }) => value)}`);
});

test("a new monitor looks back over the tiles that are kept", async () => {
  await monitor("late-comer", { ...psi(0.25), statistic: "js", columns: [] } as MonitorDefinition);
  const judged = await eventually("its results", async () => {
    const found = (await results()).filter((one) => one.monitor === "late-comer");
    return found.length >= 8 && found;
  });
  assert.deepEqual(new Set(judged.map(({ column }) => column)), new Set(["price", "clicks", "amount", "prediction"]));
  assert.deepEqual(new Set(judged.map(({ from }) => from)), new Set([start, start + day]));
});

test("after a restart no window is judged a second time", async () => {
  await world.stop();
  await world.start({ maxTaskIdleMs: 0 });
  await world.produce("clicks", clicks(start + 2 * day + 2 * hour, 24, 1));
  const judged = await eventually("the third window", async () => {
    const found = (await results()).filter((one) => one.monitor === "prices");
    return found.some(({ from }) => from === start + 2 * day) && found;
  });
  assert.deepEqual(
    judged.map(({ from, drifted }) => [from, drifted]),
    [
      [start, false],
      [start + day, true],
      [start + 2 * day, false],
    ],
  );
});

test("Page-Hinkley on the errors of joined outcomes finds when a model goes wrong", async () => {
  await monitor("errors", {
    kind: "error",
    deployment: "buy",
    minInstances: 30,
    delta: 0.005,
    lambda: 5,
    alpha: 0.9999,
  });
  const from = start + 4 * day;
  const asked = clicks(from, 48, 1);
  await world.produce("clicks", asked);
  const wrongFrom = from + 24 * hour;
  await world.produce(
    "sales",
    asked.map(({ id, shop, at, price }) => ({
      id,
      shop,
      at: at + 1000,
      amount: price > 20 === at < wrongFrom ? 100 : 1,
    })),
  );
  const [first] = await eventually("a detection", async () => {
    const found = (await results()).filter((one) => one.monitor === "errors");
    return found.length > 0 && found;
  });
  assert.equal(first.statistic, "page-hinkley");
  assert.ok(
    first.drifted && first.to >= wrongFrom && first.to < wrongFrom + 12 * hour,
    new Date(first.to).toISOString(),
  );
});
