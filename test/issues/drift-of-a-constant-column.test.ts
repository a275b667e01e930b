import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { buildProfile, decodeProfile, encodeProfile, type ReferenceProfile } from "../../ml/drift/profile.ts";
import { columnOf, compareSketch, sketcher } from "../../ml/drift/sketch.ts";
import type { DriftStatistic } from "../../schemas/lifecycle/monitor.ts";
import { packNumbers } from "../../schemas/packed.ts";
import { driftSchema, type TileRecord, tileSchema, topicOf } from "../../schemas/topics.ts";
import { tileStore } from "../../streams/drift/tiles.ts";
import { completeWindows, inLayoutOf } from "../../streams/drift/windows.ts";
import { type Click, columns, eventually, openWorld, project, shopView, stump } from "../streams/world.ts";

type Golden = {
  name: string;
  exactness: number;
  reference: number[];
  current: number[];
  ks: number;
  wasserstein: number;
};

/** By scipy: drift/make.py. */
const golden: Golden[] = JSON.parse(readFileSync(new URL("./drift/golden.json", import.meta.url), "utf8"));

const profileOf = (values: readonly number[]): ReferenceProfile =>
  buildProfile(
    { rows: values.length, columns: ["x"], values: Float32Array.from(values) },
    new Float32Array(values.length),
  );

const compared = (profile: ReferenceProfile, current: readonly number[], statistic: DriftStatistic): number => {
  const sketch = sketcher(profile);
  const numbers = new Float64Array(sketch.width);
  sketch.add(Float32Array.from(current), current.length, new Float32Array(current.length), numbers);
  return compareSketch(profile, 0, columnOf(numbers, [...sketch.bins], 0), statistic);
};

for (const { name, exactness, reference, current, ks, wasserstein } of golden) {
  test(`${name}: KS and Wasserstein are scipy's`, () => {
    const profile = decodeProfile(encodeProfile(profileOf(reference)));
    const [gap, distance] = (["ks", "wasserstein"] as const).map((statistic) => compared(profile, current, statistic));
    const within = exactness === 0 ? 1e-9 : exactness;
    assert.ok(Math.abs(gap - ks) <= within, `KS ${gap}, scipy's ${ks}`);
    assert.ok(Math.abs(distance - wasserstein) <= within * Math.max(1, wasserstein), `${distance}, not ${wasserstein}`);
    for (const statistic of ["psi", "js"] as const) {
      assert.ok(compared(profile, current, statistic) > (ks > 0.3 ? 0.25 : 0), statistic);
      assert.ok(compared(profile, reference, statistic) < 1e-9, statistic);
    }
  });
}

/** A profile as the first release wrote it: up to 31 inner cuts, none at the ends. */
const firstProfile = (values: readonly number[]): Buffer => {
  const sorted = Float32Array.from(values).sort();
  const cuts: number[] = [];
  for (let k = 1; k < 32; k++) {
    const cut = sorted[Math.ceil((k * sorted.length) / 32) - 1];
    if (cut < sorted[sorted.length - 1] && cut !== cuts.at(-1)) cuts.push(cut);
  }
  const counts = Array<number>(cuts.length + 2).fill(0);
  for (const value of sorted)
    counts[cuts.findIndex((cut) => value <= cut) + (value > (cuts.at(-1) ?? -Infinity) ? cuts.length + 1 : 0)]++;
  const [x] = profileOf(values).columns;
  const { count, missing, mean, std, min, max } = x;
  const column = { name: "x", count, missing, mean, std, min, max, cuts, counts };
  const prediction = { ...column, name: "prediction", ...shapeOf(new Array(values.length).fill(0)) };
  return Buffer.from(JSON.stringify({ rows: values.length, columns: [column, prediction] }));
};

const shapeOf = (values: readonly number[]) => {
  const { count, missing, mean, std, min, max } = profileOf(values).columns[0];
  return { count, missing, mean, std, min, max, cuts: [], counts: [values.length, 0] };
};

for (const { name, exactness, reference, current, ks, wasserstein } of golden) {
  test(`${name}: a profile of the first release sees it, too`, () => {
    const profile = decodeProfile(firstProfile(reference));
    for (const { counts, cuts } of profile.columns) assert.ok(cuts.length < 32 && counts.length === cuts.length + 2);
    assert.equal(
      profile.columns[0].counts.reduce((sum, count) => sum + count, 0),
      reference.length,
    );
    const within = Math.max(exactness, 0.05);
    assert.ok(
      Math.abs(compared(profile, current, "ks") - ks) <= within,
      `KS ${compared(profile, current, "ks")} ${ks}`,
    );
    const distance = compared(profile, current, "wasserstein");
    assert.ok(Math.abs(distance - wasserstein) <= 2 * within * Math.max(1, wasserstein), `${distance}, ${wasserstein}`);
  });
}

const hour = 3_600_000;
const wide = golden.find(({ name }) => name === "many values, shifted") as Golden;

/** A tile of the first release over the wide profile: ten rows in each bin of x. */
const firstTile = (bytes: Buffer): TileRecord => {
  const { columns } = JSON.parse(bytes.toString()) as { columns: { counts: number[] }[] };
  const bins = columns.map(({ counts }) => counts.length);
  const rows = 10 * (bins[0] - 1);
  const values = Float64Array.from([...Array(bins[0] - 1).fill(10), 0, rows, 0]);
  return {
    ...{ kind: "drift", endpoint: "e", model: "m", version: 1, partition: 0, from: 0, to: hour, watermark: 0 },
    ...{ rows, columns: ["x", "prediction"], bins, length: values.length, values: packNumbers(values) },
  };
};

test("tiles of the first release and of this one are judged together", () => {
  const bytes = firstProfile(wide.reference);
  const profile = decodeProfile(bytes);
  const old = firstTile(bytes);
  const sketch = sketcher(profile);
  const numbers = new Float64Array(sketch.width);
  sketch.add(Float32Array.of(1000, 0), 2, Float32Array.of(0, 0), numbers);
  const bins = [...sketch.bins];
  const now = { ...old, partition: 1, rows: 2, bins, length: numbers.length, values: packNumbers(numbers) };
  const [window] = completeWindows([old, now], [{ time: hour, seenAt: 0 }], hour, 0);
  const whole = inLayoutOf(profile, window.versions);
  assert.ok(whole !== null);
  assert.equal(whole.rows, old.rows + 2);
  const { counts, sums } = columnOf(whole.numbers, whole.bins, 0);
  assert.equal(
    counts.reduce((sum, count) => sum + count, 0),
    old.rows + 2,
  );
  assert.equal(counts.at(-2), 1);
  assert.equal(sums.at(-2), 1000);
});

test("an open tile of the first release is gone on with in the new layout", () => {
  const bytes = firstProfile(wide.reference);
  const sketch = sketcher(decodeProfile(bytes));
  const old = firstTile(bytes);
  const store = tileStore(0);
  store.restore(old);
  const { columns, width, adopt } = sketch;
  const template = { columns, bins: [...sketch.bins], width, adopt, empty: () => new Float64Array(width) };
  const tile = store.tile("drift", "e", "m", 1, 1000, template);
  assert.ok(tile !== null);
  assert.deepEqual([tile.rows, tile.values.length, tile.bins], [old.rows, width, template.bins]);
  assert.equal(
    tile.values.subarray(0, width / 2).reduce((sum, count) => sum + count, 0),
    2 * old.rows,
  );
});

test("a monitor sees a feature that was constant in training leave its value", async (t) => {
  const world = await openWorld();
  t.after(() => world.close());
  const names = columns.map(({ name }) => name);
  const rows = 200;
  const values = Float32Array.from({ length: rows * names.length }, (_, i) => (i % names.length === 0 ? 7 : i % 5));
  const profile = buildProfile({ rows, columns: names, values }, new Float32Array(rows).fill(0.5));
  await world.view("shop", shopView);
  await world.version(1, stump(0, 20, -1, 1), (await world.artifacts.put(encodeProfile(profile))).digest);
  await world.deploy();
  for (const statistic of ["psi", "js", "ks", "wasserstein"] as const) {
    const definition = { deployment: "buy", threshold: 0.2, columns: ["price"], windowMs: hour, minRows: 10 };
    await world.append("monitor", statistic, {
      type: "MonitorCreated",
      data: { kind: "drift", statistic, ...definition },
    });
  }
  const start = Date.UTC(2026, 0, 5);
  const clicks = (from: number, price: number): Click[] =>
    Array.from({ length: 30 }, (_, i) => ({ id: `${from}-${i}`, shop: `s${i}`, at: from + i * 60_000, price }));
  await world.start({ maxTaskIdleMs: 0 });
  await world.produce("clicks", [...clicks(start, 7), ...clicks(start + hour, 9), ...clicks(start + 5 * hour, 7)]);
  type Result = { statistic: string; value: number; drifted: boolean; from: number };
  const results = await eventually("two windows of each monitor", async () => {
    const found = await world.read<Result>(topicOf.drift(project), driftSchema);
    return found.length >= 8 && found;
  });
  for (const { statistic, drifted, from, value } of results) {
    assert.equal(drifted, from === start + hour, `${statistic} ${value}`);
  }
  const byName = new Map(results.filter(({ drifted }) => drifted).map(({ statistic, value }) => [statistic, value]));
  assert.deepEqual([byName.get("ks"), byName.get("wasserstein")], [1, 2 / 0.001]);
  const tiles = await world.read<TileRecord>(topicOf.tiles(project), tileSchema);
  assert.ok(tiles.some(({ kind, length, bins }) => kind === "drift" && length === 2 * bins.reduce((a, b) => a + b)));
});
