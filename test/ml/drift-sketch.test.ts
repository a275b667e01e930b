import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { floatBelow } from "../../ml/drift/cuts.ts";
import { ksStatistic } from "../../ml/drift/ks.ts";
import { buildProfile, decodeProfile, encodeProfile, type ReferenceProfile } from "../../ml/drift/profile.ts";
import { type ColumnSketch, columnOf, compareSketch, sketcher } from "../../ml/drift/sketch.ts";
import { normedWasserstein } from "../../ml/drift/wasserstein.ts";
import { isMillraceError } from "../../schemas/errors.ts";
import type { DriftStatistic } from "../../schemas/lifecycle/monitor.ts";

const statistics: DriftStatistic[] = ["psi", "js", "ks", "wasserstein"];

const profileOf = (values: ArrayLike<number>): ReferenceProfile =>
  buildProfile(
    { rows: values.length, columns: ["x"], values: Float32Array.from(values) },
    new Float32Array(values.length),
  );

/** Of column 0. */
const sketchOf = (profile: ReferenceProfile, values: ArrayLike<number>): ColumnSketch => {
  const sketch = sketcher(profile);
  const numbers = new Float64Array(sketch.width);
  sketch.add(Float32Array.from(values), values.length, new Float32Array(values.length), numbers);
  return columnOf(numbers, [...sketch.bins], 0);
};

const sketchedAs = (...counts: number[]): ColumnSketch => ({
  counts: Float64Array.from(counts),
  sums: new Float64Array(counts.length),
});

const evenly = (count: number, scale = 1, shift = 0) =>
  Array.from({ length: count }, (_, i) => shift + scale * ((i * 0.6180339887498949) % 1));

describe("profile", () => {
  test("holds each column's shape and the prediction's", () => {
    const values = Float32Array.of(1, Number.NaN, 2, 10, 3, Number.NaN, 4, 20);
    const profile = buildProfile({ rows: 4, columns: ["a", "b"], values }, Float32Array.of(0.1, 0.2, 0.3, 0.3));
    assert.equal(profile.rows, 4);
    assert.deepEqual(
      profile.columns.map((column) => column.name),
      ["a", "b", "prediction"],
    );
    assert.deepEqual(profile.columns[0], {
      name: "a",
      count: 4,
      missing: 0,
      mean: 2.5,
      std: Math.sqrt(1.25),
      min: 1,
      max: 4,
      cuts: [1, 2, 3, 4].flatMap((value) => [floatBelow(value), value]),
      counts: [0, 1, 0, 1, 0, 1, 0, 1, 0, 0],
      means: [0, 1, 0, 2, 0, 3, 0, 4, 0],
    });
    assert.deepEqual([profile.columns[1].missing, profile.columns[1].counts], [2, [0, 1, 0, 1, 0, 2]]);
    assert.deepEqual(profile.columns[2].counts, [0, 1, 0, 1, 0, 2, 0, 0]);
  });

  test("a column without values, and one with a single value, have a profile too", () => {
    const [empty] = profileOf([Number.NaN, Number.NaN]).columns;
    assert.deepEqual([empty.cuts, empty.counts, empty.std, empty.min], [[], [0, 2], 0, 0]);
    const [constant] = profileOf([5, 5, 5]).columns;
    assert.deepEqual(
      [constant.cuts, constant.counts],
      [
        [floatBelow(5), 5],
        [0, 3, 0, 0],
      ],
    );
  });

  test("at most 31 cuts part the rows evenly between open ends; infinities are values", () => {
    const [column] = profileOf(evenly(3000)).columns;
    assert.equal(column.cuts.length, 31);
    assert.deepEqual([column.cuts[0], column.cuts[30]], [floatBelow(column.min), column.max]);
    for (const count of column.counts.slice(1, 31)) assert.ok(Math.abs(count - 100) <= 1);
    assert.deepEqual([column.counts[0], column.counts[31]], [0, 0]);
    const [wild] = profileOf([Number.NEGATIVE_INFINITY, 1, 2, Number.POSITIVE_INFINITY]).columns;
    assert.deepEqual([wild.min, wild.max, wild.count, wild.mean], [1, 2, 4, 1.5]);
  });

  test("survives its encoding; what is no profile is refused", () => {
    const profile = profileOf(evenly(500));
    assert.deepEqual(decodeProfile(encodeProfile(profile)), profile);
    profile.columns[0].counts.pop();
    for (const bytes of [Buffer.from("{}"), Buffer.from("x"), encodeProfile(profile)]) {
      assert.throws(
        () => decodeProfile(bytes),
        (error) => isMillraceError(error, "CORRUPT_ARTIFACT"),
      );
    }
  });
});

describe("sketch", () => {
  const value = fc.oneof(fc.float(), fc.integer({ min: -5, max: 5 }));

  test("counts every row once, where a linear search would", () => {
    const sample = fc.array(value, { minLength: 1, maxLength: 80 });
    fc.assert(
      fc.property(sample, sample, (before, now) => {
        const profile = profileOf(before);
        const { cuts, counts } = profile.columns[0];
        const expected = new Float64Array(counts.length);
        for (const v of Float32Array.from(now)) {
          const bin = cuts.findIndex((cut) => v <= cut);
          expected[Number.isNaN(v) ? counts.length - 1 : bin < 0 ? cuts.length : bin]++;
        }
        assert.deepEqual(Float64Array.from(sketchOf(profile, now).counts), expected);
        assert.deepEqual([...sketchOf(profile, before).counts], counts);
      }),
    );
  });

  test("parts add up to the whole, whatever the batches", () => {
    const profile = buildProfile(
      { rows: 200, columns: ["a", "b", "c"], values: Float32Array.from(evenly(600)) },
      Float32Array.from(evenly(200)),
    );
    const sketch = sketcher(profile);
    const rows = Float32Array.from(evenly(900, 1.5));
    const outputs = Float32Array.from(evenly(300, 0.5));
    const whole = new Float64Array(sketch.width);
    sketch.add(rows, 300, outputs, whole);
    const parts = new Float64Array(sketch.width);
    for (let from = 0; from < 300; from += 37) {
      const to = Math.min(300, from + 37);
      sketch.add(rows.subarray(from * 3, to * 3), to - from, outputs.subarray(from, to), parts);
    }
    assert.deepEqual(parts, whole);
    const counts = sketch.bins.reduce((sum, bins) => sum + bins, 0);
    assert.equal(
      whole.subarray(0, counts).reduce((sum, count) => sum + count, 0),
      4 * 300,
    );
    assert.equal(2 * counts, sketch.width);
  });
});

describe("comparison", () => {
  test("equal data does not drift, shifted data drifts more the further it is shifted", () => {
    const profile = profileOf(evenly(5000));
    for (const statistic of statistics) {
      const at = (shift: number) => compareSketch(profile, 0, sketchOf(profile, evenly(4000, 1, shift)), statistic);
      assert.ok(at(0) < 0.01, `${statistic} ${at(0)}`);
      assert.ok(at(0.1) > at(0) && at(0.3) > at(0.1), statistic);
    }
  });

  test("KS and Wasserstein from bins are close to those of the values", () => {
    const before = Float64Array.from(evenly(5000));
    const now = Float64Array.from(evenly(4000, 0.8, 0.1));
    const profile = profileOf(before);
    const counts = sketchOf(profile, now);
    const ks = compareSketch(profile, 0, counts, "ks");
    const distance = compareSketch(profile, 0, counts, "wasserstein");
    assert.ok(Math.abs(ks - ksStatistic(before, now)) < 0.03, `${ks}`);
    assert.ok(Math.abs(distance - normedWasserstein(before, now)) < 0.01, `${distance}`);
  });

  test("values that go missing are seen by PSI and JS, values that vanish altogether by all", () => {
    const profile = profileOf(evenly(1000));
    const half = sketchOf(
      profile,
      evenly(1000).map((v, i) => (i % 2 === 0 ? Number.NaN : v)),
    );
    assert.ok(compareSketch(profile, 0, half, "psi") > 0.5);
    assert.ok(compareSketch(profile, 0, half, "js") > 0.3);
    assert.ok(compareSketch(profile, 0, half, "ks") < 0.01);
    const gone = sketchOf(profile, Array(100).fill(Number.NaN));
    for (const statistic of statistics) assert.ok(compareSketch(profile, 0, gone, statistic) > 0.8, statistic);
    const never = profileOf([Number.NaN, Number.NaN]);
    for (const statistic of statistics) assert.equal(compareSketch(never, 0, sketchedAs(0, 9), statistic), 0);
  });

  test("a sketch of another profile is refused", () => {
    const profile = profileOf(evenly(100));
    const wrong = (error: unknown) => isMillraceError(error, "INTERNAL");
    assert.throws(() => compareSketch(profile, 0, sketchedAs(1, 2, 3), "psi"), wrong);
    assert.throws(() => compareSketch(profile, 9, sketchedAs(...Array(33).fill(1)), "psi"), wrong);
  });
});
