import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { adwinDefaults, newAdwin, updateAdwin } from "../../ml/drift/adwin.ts";
import { countInBins, doaneEdges, finiteValues, sharesOf, sturgesEdges } from "../../ml/drift/bins.ts";
import { chiSquare } from "../../ml/drift/chi-square.ts";
import { jensenShannon, nannyJensenShannon } from "../../ml/drift/js.ts";
import { kullbackLeibler } from "../../ml/drift/kl.ts";
import { kolmogorovTail } from "../../ml/drift/kolmogorov.ts";
import { ksAsymptoticP, ksExactP, ksStatistic, ksTest } from "../../ml/drift/ks.ts";
import { newPageHinkley, updatePageHinkley } from "../../ml/drift/page-hinkley.ts";
import { fillZeros, populationStability } from "../../ml/drift/psi.ts";
import { normedWasserstein, wasserstein } from "../../ml/drift/wasserstein.ts";

const close = (actual: number, expected: number, relative = 1e-12) =>
  assert.ok(Math.abs(actual - expected) <= relative * Math.abs(expected), `${actual}, expected ${expected}`);

const fraction = (x: number): number => x - Math.floor(x);
const reference = Float64Array.from({ length: 1500 }, (_, i) => fraction((i + 1) * 0.6180339887498949));
const current = Float64Array.from({ length: 1200 }, (_, i) => 1.1 * fraction((i + 1) * Math.SQRT2) + 0.05);

describe("golden values of numpy 2.4 and scipy 1.17 on Evidently's and NannyML's definitions", () => {
  const edges = sturgesEdges(Float64Array.from([...reference, ...current]));
  const r = sharesOf(countInBins(reference, edges), reference.length);
  const c = sharesOf(countInBins(current, edges), current.length);

  test("PSI, JS and KL on Sturges bins", () => {
    assert.equal(edges.length - 1, 13);
    close(populationStability(r, c), 0.6505816937627927);
    close(jensenShannon(r, c), 0.20427200233837134);
    close(kullbackLeibler(r, c), 0.13629649142567418);
  });

  test("Wasserstein in reference deviations", () => close(normedWasserstein(reference, current), 0.34475513633458704));

  test("NannyML's JS on Doane bins", () => {
    assert.equal(doaneEdges(reference).length - 1, 12);
    close(nannyJensenShannon(reference, current), 0.2813810108887121);
  });

  test("Kolmogorov-Smirnov", () => {
    const { statistic, pValue } = ksTest(reference.subarray(0, 800), current.subarray(0, 700));
    close(statistic, 0.13875);
    close(pValue, 9.920752409e-7, 1e-9);
    close(ksAsymptoticP(statistic, 800, 700), 1.000528e-6, 1e-6);
  });

  test("chi-square", () => close(chiSquare([16, 18, 16, 14, 12, 12], [16, 16, 16, 16, 16, 8]).pValue, 0.6730876, 1e-7));
});

describe("edges of the definitions", () => {
  test("bins: whole numbers are at least one wide, equal values have one bin, the last edge is closed", () => {
    assert.deepEqual(sturgesEdges(Float64Array.of(0, 1, 2, 3)), Float64Array.of(0, 1, 2, 3));
    assert.deepEqual(sturgesEdges(Float64Array.of(7, 7, 7)), Float64Array.of(6.5, 7.5));
    assert.deepEqual(doaneEdges(Float64Array.of(7, 7, 7)), Float64Array.of(6.5, 7.5));
    const counts = countInBins(Float64Array.of(-1, 0, 0.5, 1, 2, 2.5), Float64Array.of(0, 1, 2));
    assert.deepEqual(counts, Float64Array.of(2, 2));
    assert.deepEqual(finiteValues([1, Number.NaN, Number.POSITIVE_INFINITY, 2]), Float64Array.of(1, 2));
  });

  test("every value falls in the bin whose edges hold it", () => {
    const sample = fc
      .array(fc.integer({ min: -1e6, max: 1e6 }), { minLength: 2 })
      .map((values) => Float64Array.from(values, (value) => value / 7));
    fc.assert(
      fc.property(sample, (values) => {
        const edges = sturgesEdges(values);
        const counts = countInBins(values, edges);
        for (let bin = 0; bin + 1 < edges.length; bin++) {
          const last = bin + 2 === edges.length;
          const inside = (v: number) => v >= edges[bin] && (last ? v <= edges[bin + 1] : v < edges[bin + 1]);
          assert.equal(counts[bin], values.filter(inside).length);
        }
      }),
    );
  });

  test("zeros are filled with 0.0001, or less where a share is that small", () => {
    assert.deepEqual(fillZeros(Float64Array.of(0, 0.5, 0.5)), Float64Array.of(0.0001, 0.5, 0.5));
    assert.deepEqual(fillZeros(Float64Array.of(0, 0.00005, 1)), Float64Array.of(0.00005 / 1e6, 0.00005, 1));
  });

  test("chi-square: a category that the reference lacks gives p = 0, one category p = 1", () => {
    assert.equal(chiSquare([5, 0], [5, 5]).pValue, 0);
    assert.equal(chiSquare([5], [9]).pValue, 1);
    // Far in the tail, by the continued fraction: two degrees of freedom are exp(-x / 2).
    const { statistic, pValue } = chiSquare([100, 100, 100], [160, 70, 70]);
    close(pValue, Math.exp(-statistic / 2), 1e-9);
  });
});

describe("distances", () => {
  const sample = fc
    .array(fc.integer({ min: -50, max: 50 }), { minLength: 1, maxLength: 40 })
    .map((values) => Float64Array.from(values));

  test("Wasserstein is the area between the distribution functions", () => {
    fc.assert(
      fc.property(sample, sample, (a, b) => {
        let area = 0;
        for (let x = -50; x < 50; x++) {
          const share = (values: Float64Array) => values.filter((value) => value <= x).length / values.length;
          area += Math.abs(share(a) - share(b));
        }
        assert.ok(Math.abs(wasserstein(a, b) - area) < 1e-9);
      }),
    );
  });

  test("KS is the largest gap, and its exact p counts the orders that reach it", () => {
    const orders = (n1: number, n2: number): number[][] =>
      n1 === 0 || n2 === 0
        ? [[...Array(n1).fill(1), ...Array(n2).fill(0)]]
        : [...orders(n1 - 1, n2).map((o) => [1, ...o]), ...orders(n1, n2 - 1).map((o) => [0, ...o])];
    const gap = (order: number[], n1: number, n2: number): number => {
      const samples = [1, 0].map((side) => Float64Array.from(order.flatMap((o, at) => (o === side ? [at] : []))));
      const d = ksStatistic(samples[0], samples[1]);
      assert.ok(d > 0 && n1 + n2 === order.length);
      return d;
    };
    for (const [n1, n2] of [
      [1, 1],
      [3, 3],
      [4, 6],
      [5, 3],
    ]) {
      const gaps = orders(n1, n2).map((order) => gap(order, n1, n2));
      for (const d of new Set(gaps)) {
        const share = gaps.filter((other) => other > d - 1e-9).length / gaps.length;
        close(ksExactP(d, n1, n2), share, 1e-9);
      }
    }
  });

  test("the one-sample tail runs on where its formulas meet, and has its limits", () => {
    for (const n of [10, 139, 140, 141, 1000]) {
      let last = 1;
      for (let square = 0.05; square < 4; square += 0.05) {
        const tail = kolmogorovTail(n, Math.sqrt(square / n));
        assert.ok(tail <= last && last - tail < 0.12, `n ${n}, n d^2 ${square}: ${tail} after ${last}`);
        last = tail;
      }
    }
    // Exact by hand: P(D < d) = (2 d - 1) for one value, and n! (2 d - 1 / n)^n just above d = 1 / (2 n).
    close(kolmogorovTail(1, 0.75), 0.5);
    close(kolmogorovTail(2, 0.3), 1 - 2 * (0.6 - 0.5) ** 2);
    // The matrix at 140 and the series at 141 must tell the same story.
    close(kolmogorovTail(141, Math.sqrt(1 / 141)), kolmogorovTail(140, Math.sqrt(1 / 140)), 5e-4);
    assert.equal(kolmogorovTail(20, 1), 0);
    assert.equal(kolmogorovTail(20, 0.01), 1);
  });
});

/** The stream of River's own documentation: `rng.choices([0, 1], k=1000) + rng.choices(range(4, 8), k=...)`, seed 12345. */
const riverStream = Array.from(
  [
    "001000100010101010101000011101110001110111101011011100110010001011110110010101011100100011000011010110010000",
    "110010000100100111100011100101100010000111101000011100100010000110000001010101110110111000110110000101001001",
    "000000010101111111011001110001001111110011001000010110111111011101000100101011100100001011111111111001110000",
    "001101100011001000100001011110001010101110000111100100111110000010011100011011101100010111001101010000000110",
    "001011110110000110101110110000111100111111000011100001011101111001100110101010101000000011110010100010101000",
    "001100000100010000001110010111100000110001010001011000101111100101110100011000101111011001110100111100101111",
    "110011100001001010000011011001111100111110010011110011110011011101001110100111001111111101011100000000101101",
    "000110100110101111100011111110111110000001010011000100000010001010101011111010111110100010011110000101010111",
    "000100010010000110110101100001111000101000100110011101011011000011000011101110111101100010000100111100011100",
    "0001010010101110110111111011467467546776475667646674647464",
  ].join(""),
  Number,
);

/** Feeds a stream; the state goes through JSON now and then, as it does between batches. */
const detections = <State>(
  stream: readonly number[],
  state: State,
  update: (state: State, x: number) => { state: State; drift: boolean },
): number[] => {
  const found: number[] = [];
  let at = state;
  for (const [index, x] of stream.entries()) {
    const before = index % 97 === 0 ? (JSON.parse(JSON.stringify(at)) as State) : at;
    const result = update(before, x);
    if (result.drift) found.push(index);
    at = result.state;
  }
  return found;
};

describe("detectors, as River has them", () => {
  test("Page-Hinkley finds the change of River's example", () => {
    assert.deepEqual(detections(riverStream, newPageHinkley(), updatePageHinkley), [1006]);
  });

  test("Page-Hinkley sees a fall as it sees a rise, and starts anew after it", () => {
    const stream = [...Array(200).fill(1), ...Array(200).fill(0)];
    const [rise] = detections(
      stream.map((x) => -x),
      newPageHinkley(),
      updatePageHinkley,
    );
    const [fall] = detections(stream, newPageHinkley(), updatePageHinkley);
    assert.equal(fall, rise);
    const drifted = updatePageHinkley({ count: 100, mean: 0, rise: 49.9, fall: 0, lowest: 0, highest: 0 }, 1);
    assert.deepEqual(drifted, { drift: true, state: newPageHinkley() });
  });

  test("ADWIN finds the change of River's example at its clock", () => {
    assert.deepEqual(detections(riverStream, newAdwin(), updateAdwin).slice(0, 1), [1023]);
  });

  test("ADWIN's window keeps what is alike and drops what is not, in logarithmic space", () => {
    let state = newAdwin();
    for (let i = 0; i < 5000; i++) state = updateAdwin(state, i % 2).state;
    assert.equal(state.width, 5000);
    assert.ok(state.rows.every((row) => row.length <= adwinDefaults.maxBuckets) && state.rows.length < 14);
    for (let i = 0; i < 640; i++) state = updateAdwin(state, 10 + (i % 2)).state;
    assert.ok(state.width < 800 && state.total / state.width > 9, `${state.width} ${state.total}`);
  });

  test("an update leaves the state that it was given", () => {
    let state = newAdwin();
    for (let i = 0; i < 100; i++) state = updateAdwin(state, i).state;
    const before = structuredClone(state);
    updateAdwin(state, 5);
    assert.deepEqual(state, before);
  });
});
