import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { Registry } from "prom-client";
import { platformState } from "../../commands/references/platform-state.ts";
import { trainBoosting } from "../../ml/boosting/train.ts";
import { exportBoosting } from "../../ml/onnx/export.ts";
import type { TrainingSpec } from "../../schemas/lifecycle/training-job.ts";
import { buildTrainingSet } from "../../training/dataset.ts";
import { planTraining } from "../../training/plan.ts";
import {
  type Click,
  columns,
  eventually,
  openWorld,
  project,
  type Sale,
  shopView,
  stump,
  type World,
} from "../streams/world.ts";

const minute = 60_000;
const start = Date.UTC(2001, 0, 5, 12);

const shops = ["north", "south", "east", "west", "mid"];
const clicks: Click[] = Array.from({ length: 400 }, (_, i) => ({
  id: `c${i}`,
  shop: shops[(i * 7) % shops.length],
  at: start + i * minute,
  price: i % 23,
}));
/** Of the shop "south" nothing is ever sold. */
const sales: Sale[] = clicks
  .filter(({ shop }, i) => i % 3 !== 0 && shop !== "south")
  .map((click, i) => ({ id: click.id, shop: click.shop, at: click.at + 5 * minute + 1, amount: (i * 5) % 31 }));

const spec: TrainingSpec = {
  model: "buyers",
  task: "binary",
  trigger: "clicks",
  columns,
  label: { source: "sales", key: ["id"], value: "event.amount > 10.0", horizonMs: 60 * minute },
  from: start,
  to: start + 1000 * minute,
  algorithm: "gradient-boosting",
  parameters: {
    trees: 10,
    learningRate: 0.2,
    maxLeaves: 8,
    maxDepth: 4,
    minLeafRows: 5,
    l2: 1,
    bins: 63,
    earlyStoppingRounds: 0,
    validationShare: 0.2,
    seed: 7,
  },
};

/** Longer than a task waits at the live edge, shorter than a source has to be silent. */
const lagMs = 250;
const waiting = { maxTaskIdleMs: 20, sourceIdleMs: 2_000 };

const between = <T extends { at: number }>(events: readonly T[], from: number, to: number): T[] =>
  events.filter(({ at }) => at >= start + from * minute && at < start + to * minute);

/** Chunks of so many minutes of event time; one source lags behind the other. */
const produceInChunks = async (world: World, minutes: number, leading: "clicks" | "sales"): Promise<void> => {
  for (let from = 0; from < 420; from += minutes) {
    const chunk = { clicks: between(clicks, from, from + minutes), sales: between(sales, from, from + minutes) };
    await world.produce(leading, chunk[leading]);
    await pause(lagMs);
    const other = leading === "clicks" ? "sales" : "clicks";
    await world.produce(other, chunk[other]);
  }
};

const paces: Record<string, (world: World) => Promise<void>> = {
  "at once": async (world) => {
    await world.produce("clicks", clicks);
    await world.produce("sales", sales);
    await world.start(waiting);
  },
  "clicks before sales": async (world) => {
    await world.start(waiting);
    await produceInChunks(world, 60, "clicks");
  },
  "sales before clicks": async (world) => {
    await world.start({ ...waiting, maxBatchRecords: 17 });
    await produceInChunks(world, 140, "sales");
  },
};

const resultOf = async (pace: (world: World) => Promise<void>) => {
  const world = await openWorld();
  try {
    await world.view("shop", shopView);
    await world.version(1, stump(1, 5, -1, 1));
    await world.deploy();
    await pace(world);
    await eventually("every record taken", async () => {
      const offsets = await world.broker.committed(`${project}.by-shop-2`);
      return offsets.reduce((sum, { offset }) => sum + offset, 0) === clicks.length + sales.length;
    });
    const made = await world.predictions();
    const features = new Map(made.map(({ key, features }) => [key, features.map(String).join()]));
    const plan = planTraining(await platformState(world.eventStore).now(), project, spec);
    const { matrix } = await buildTrainingSet({ broker: world.broker, registry: world.registry, plan });
    const model = await trainBoosting(matrix, matrix, spec.parameters, { task: "binary", workers: 1 });
    const digest = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
    return {
      features: Object.fromEntries([...features].sort()),
      rows: matrix.rows,
      dataset: digest(new Uint8Array(matrix.values.slice().buffer)),
      model: digest(exportBoosting(model, matrix.columns)),
    };
  } finally {
    await world.close();
  }
};

test("the same records produced at three paces give the same features, training set and model", async () => {
  const expected = await resultOf(paces["at once"]);
  assert.equal(Object.keys(expected.features).length, clicks.length);
  assert.ok(expected.rows > 100);
  for (const pace of ["clicks before sales", "sales before clicks"]) {
    assert.deepEqual(await resultOf(paces[pace]), expected, pace);
  }
});

test("a source that is silent is not waited for without end, and is named until it speaks again", async () => {
  const world = await openWorld();
  try {
    await world.view("shop", shopView);
    await world.version(1, stump(1, 5, -1, 1));
    await world.deploy();
    const metrics = new Registry();
    const notes = new Map<string, string>();
    const problems: string[] = [];
    await world.start({
      ...{ maxTaskIdleMs: 20, sourceIdleMs: 300, metrics },
      report: (part) => problems.push(part),
      note: (part, text) => (text === null ? notes.delete(part) : notes.set(part, text)),
    });
    const asked = Date.now();
    await world.produce("clicks", clicks.slice(0, 10));
    await eventually("predictions", async () => (await world.predictions()).length === 10);
    assert.ok(Date.now() - asked >= 300, "it was not waited for");
    assert.match(notes.get("source sales") ?? "", /nobody has produced to sales for 300 ms/);
    assert.match(await metrics.metrics(), /millrace_task_waits_ended_total\{topic="sales",why="silent"\} [1-9]/);
    await world.produce("sales", sales.slice(-5));
    await eventually("it is heard again", async () => !notes.has("source sales"));
    assert.deepEqual(problems, []);
  } finally {
    await world.close();
  }
});

test("at the live edge a wait ends by the clock, and is counted", async () => {
  const world = await openWorld();
  try {
    await world.view("shop", shopView);
    await world.version(1, stump(1, 5, -1, 1));
    await world.deploy();
    const metrics = new Registry();
    await world.start({ maxTaskIdleMs: 100, sourceIdleMs: 3_600_000, metrics });
    const now = Date.now();
    await world.produce("sales", [{ id: "s", shop: "north", at: now - 10, amount: 1 }]);
    await world.produce("clicks", [{ id: "c", shop: "north", at: now, price: 1 }]);
    await eventually("the prediction", async () => (await world.predictions()).length === 1);
    await eventually("the count", async () => /topic="sales",why="live"\} [1-9]/.test(await metrics.metrics()));
  } finally {
    await world.close();
  }
});
