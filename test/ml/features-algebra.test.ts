import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { foldValue, identityOf, Kind, mergeSlots } from "../../ml/features/accumulators.ts";
import { addQuantile, ddSketch, estimateQuantile, mergeQuantile } from "../../ml/features/ddsketch.ts";
import { mostLogged } from "../../ml/features/heads.ts";
import { addDistinct, estimateDistinct, hyperLogLog, mergeDistinct } from "../../ml/features/hyperloglog.ts";
import { type ViewState, viewState } from "../../ml/features/state.ts";
import { planView, type SourceInfo, type ViewPlan } from "../../ml/features/view.ts";
import { boundaryOf, firstTile, hopMs, spanOf, tileOf } from "../../ml/features/window.ts";
import type { AggregateFunction, FeatureDefinition } from "../../schemas/lifecycle/feature-view.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const START = Date.UTC(2001, 2, 1);
const LATENESS = 3 * HOUR;

const source: SourceInfo = {
  name: "readings",
  topic: "readings",
  schema: JSON.stringify({
    type: "record",
    name: "Reading",
    fields: [
      { name: "sensor", type: "string" },
      { name: "value", type: ["null", "double"] },
      { name: "at", type: "long" },
    ],
  }),
  key: "sensor",
  timestamp: "at",
};

const windows = [5 * MINUTE, 62 * MINUTE, 6 * HOUR, 12 * HOUR, 3 * DAY, 14 * DAY];
const valued: AggregateFunction[] = ["sum", "mean", "min", "max", "variance", "last", "distinct"];
const features: FeatureDefinition[] = windows.flatMap((windowMs) => [
  { name: `count${windowMs}`, source: "readings", function: "count", where: "event.value > 0", windowMs },
  ...valued.map(
    (name): FeatureDefinition => ({
      name: name + windowMs,
      source: "readings",
      function: name,
      value: "event.value",
      windowMs,
    }),
  ),
  {
    name: `median${windowMs}`,
    source: "readings",
    function: "quantile",
    quantile: 0.5,
    value: "event.value",
    windowMs,
  },
]);
features.push({ name: "ever", source: "readings", function: "last", value: "event.value", windowMs: null });

const plan = planView(
  "sensors",
  1,
  { entity: { name: "sensor", key: ["sensor"] }, features, allowedLatenessMs: LATENESS, ttlMs: null },
  [source],
);

type Reading = { sensor: string; value: number | null; at: number };

/** Time runs on in steps from seconds to days; some events are late, a few too late. */
const readings = (maxLength: number): fc.Arbitrary<Reading[]> =>
  fc
    .array(
      fc.record({
        sensor: fc.constantFrom("a", "a", "a", "b"),
        value: fc.option(fc.double({ noNaN: true, min: -1e3, max: 1e3 }), { freq: 10 }),
        step: fc.oneof(
          { weight: 30, arbitrary: fc.integer({ min: 0, max: 20 * MINUTE }) },
          { weight: 10, arbitrary: fc.integer({ min: 0, max: 8 * HOUR }) },
          { weight: 1, arbitrary: fc.integer({ min: 0, max: 20 * DAY }) },
        ),
        delay: fc.option(fc.integer({ min: 0, max: 4 * HOUR }), { freq: 3 }),
      }),
      { minLength: 1, maxLength },
    )
    .map((steps) => {
      let now = START;
      return steps.map(({ sensor, value, step, delay }) => {
        now += step;
        return { sensor, value, at: now - (delay ?? 0) };
      });
    });

const feed = (state: ViewState, events: readonly Reading[]): void => {
  for (const event of events) state.apply("readings", event, event.at);
};

const readOne = (state: ViewState, sensor: string, time: number): { values: number[]; exact: boolean } => {
  const out = new Float64Array(features.length);
  const exact = state.read(sensor, time, out, 0);
  return { values: [...out], exact };
};

const readAll = (state: ViewState, time: number): number[] =>
  ["a", "b"].flatMap((sensor) => readOne(state, sensor, time).values);

/** What the state has of one sensor, by the definition of lateness: measured by the sensor's own newest reading. */
const keptOf = (events: readonly Reading[], sensor: string): Reading[] => {
  let newest = Number.NEGATIVE_INFINITY;
  return events.filter((event) => {
    if (event.sensor !== sensor || event.at < newest - LATENESS) return false;
    if (event.value !== null) newest = Math.max(newest, event.at);
    return true;
  });
};

const newestOf = (events: readonly Reading[]): number =>
  events.reduce((newest, { at, value }) => (value === null ? newest : Math.max(newest, at)), Number.NEGATIVE_INFINITY);

const restored = (from: ViewState, of: ViewPlan = plan): ViewState => {
  const state = viewState(of);
  from.drain((entity, blob) => state.restore(entity, blob));
  return state;
};

test("property: a read is the canonical fold of all events that were not late, bit for bit", () => {
  fc.assert(
    fc.property(readings(150), fc.integer({ min: 0, max: 2 * DAY }), (events, ahead) => {
      const state = viewState(plan);
      for (const event of events) {
        state.apply("readings", event, event.at);
        // Reading in between builds caches, which later events must invalidate.
        readAll(state, event.at);
      }
      for (const sensor of ["a", "b"]) {
        const kept = keptOf(events, sensor);
        const time = Math.max(newestOf(kept), START) + ahead;
        const naive = features.map((feature) => naiveFeature(feature, kept, time));
        assertSame(readOne(state, sensor, time).values, naive);
      }
      const kept = keptOf(events, "a").length + keptOf(events, "b").length;
      assert.equal(state.left.late, events.length - kept);
    }),
    { numRuns: 150 },
  );
});

test("property: for a late moment, features are those of all events up to it, whatever came after", () => {
  const moments = fc.array(fc.integer({ min: -2 * LATENESS, max: 10 * MINUTE }), { minLength: 4, maxLength: 4 });
  // Multiples of 1/8: their sums have no rounding, so that the order of a sum does not matter.
  const exactly = readings(150).map((events) =>
    events.map((event) => ({ ...event, value: event.value === null ? null : Math.round(event.value * 8) / 8 })),
  );
  let late = 0;
  fc.assert(
    fc.property(exactly, moments, fc.boolean(), (events, behind, wasRestored) => {
      const whole = viewState(plan);
      events.forEach((event, i) => {
        whole.apply("readings", event, event.at);
        if (i % 7 === 0) readAll(whole, event.at - HOUR);
      });
      const state = wasRestored ? restored(whole) : whole;
      for (const sensor of ["a", "b"]) {
        const kept = keptOf(events, sensor);
        for (const back of behind) {
          const newest = newestOf(kept);
          const time = Math.max(newest, START) + back;
          const { values, exact } = readOne(state, sensor, time);
          assert.equal(exact, time >= newest - LATENESS);
          if (!exact) continue;
          if (time < newest) late += 1;
          const known = kept.filter(({ at }) => at <= time);
          features.forEach((feature, i) => {
            const right = naiveFeature(feature, known, time);
            if (feature.function === "variance") assertClose(values[i], right);
            else assert.ok(Object.is(values[i], right), `${feature.name}: ${values[i]} instead of ${right}`);
          });
        }
      }
    }),
    { numRuns: 300 },
  );
  assert.ok(late > 300, `only ${late} late moments`);
});

test("an entity with more events than are logged says how far back it can be asked", () => {
  const state = viewState(plan);
  const count = plan.featureNames.indexOf(`count${14 * DAY}`);
  for (let i = 0; i < 3 * mostLogged; i++) {
    state.apply("readings", { sensor: "a", value: 1 }, START + i * 2000);
  }
  const newest = START + (3 * mostLogged - 1) * 2000;
  const seen: boolean[] = [];
  for (let time = newest; time > newest - LATENESS; time -= 10 * MINUTE) {
    const { values, exact } = readOne(state, "a", time);
    if (exact) assert.equal(values[count], Math.floor((time - START) / 2000) + 1);
    seen.push(exact);
  }
  assert.equal(seen[0], true);
  assert.ok(seen.includes(false));
  const blob: number[] = [];
  state.drain((_entity, bytes) => blob.push(bytes.length));
  assert.ok(blob[0] < 64 * 1024, `${blob[0]} bytes`);
});

test("property: a restored state continues bit for bit, wherever it was cut", () => {
  fc.assert(
    fc.property(readings(150), fc.nat(), fc.nat(), (events, first, second) => {
      const whole = viewState(plan);
      let cut = viewState(plan);
      const cuts = [first % events.length, second % events.length];
      const blobs = new Map<string, Buffer>();
      events.forEach((event, i) => {
        if (cuts.includes(i)) {
          cut.drain((entity, blob) => blobs.set(entity, Buffer.from(blob)));
          const next = viewState(plan);
          for (const [entity, blob] of blobs) next.restore(entity, blob);
          cut = next;
        }
        whole.apply("readings", event, event.at);
        cut.apply("readings", event, event.at);
        if (i % 3 === 0) readAll(whole, event.at);
        for (const time of [event.at + HOUR, event.at - HOUR]) assertSame(readAll(cut, time), readAll(whole, time));
      });
      const last: string[] = [];
      whole.drain((entity, blob) => last.push(entity + blob.toString("hex")));
      cut.drain((entity, blob) => blobs.set(entity, Buffer.from(blob)));
      assert.deepEqual([...blobs].map(([entity, blob]) => entity + blob.toString("hex")).sort(), last.sort());
    }),
    { numRuns: 60 },
  );
});

test("property: neither batches nor reads change what is drained", () => {
  fc.assert(
    fc.property(readings(120), fc.array(fc.boolean(), { minLength: 120, maxLength: 120 }), (events, drains) => {
      const atOnce = viewState(plan);
      feed(atOnce, events);
      const inBatches = viewState(plan);
      const latest = new Map<string, string>();
      events.forEach((event, i) => {
        inBatches.apply("readings", event, event.at);
        if (!drains[i]) return;
        readAll(inBatches, event.at + i * MINUTE);
        inBatches.drain((entity, blob) => latest.set(entity, blob.toString("hex")));
      });
      inBatches.drain((entity, blob) => latest.set(entity, blob.toString("hex")));
      const expected = new Map<string, string>();
      atOnce.drain((entity, blob) => expected.set(entity, blob.toString("hex")));
      assert.deepEqual(latest, expected);
    }),
    { numRuns: 60 },
  );
});

test("a hot entity read at every event equals one that was just restored", () => {
  const state = viewState(plan);
  let seed = 42;
  const random = (): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return seed / 2 ** 32;
  };
  let now = START;
  for (let i = 0; i < 6000; i++) {
    now += Math.floor(random() * 8 * MINUTE);
    const at = now - (random() < 0.1 ? Math.floor(random() * LATENESS) : 0);
    state.apply("readings", { sensor: "a", value: random() * 100 - 30 }, at);
    const seen = readAll(state, now);
    if (i % 200 === 0) assertSame(readAll(restored(state), now), seen);
  }
});

test("property: merging partials is commutative bit for bit, associative within rounding, and the identity is neutral", () => {
  const numeric = [Kind.count, Kind.sum, Kind.mean, Kind.min, Kind.max, Kind.variance, Kind.last];
  const values = fc.array(fc.tuple(fc.double({ noNaN: true, min: -1e6, max: 1e6 }), fc.nat({ max: 1000 })), {
    maxLength: 20,
  });
  fc.assert(
    fc.property(fc.constantFrom(...numeric), values, values, values, (kind, a, b, c) => {
      // Tiles do not share times; `last` relies on it.
      const [x, y, z] = [a, b, c].map((part, tile) => {
        const slots = Float64Array.from(identityOf(kind));
        for (const [value, at] of part) foldValue(kind, slots, 0, value + 0, tile * 10_000 + at);
        return slots;
      });
      const merged = (...parts: Float64Array[]): Float64Array => {
        const into = Float64Array.from(parts[0]);
        for (const part of parts.slice(1)) mergeSlots(kind, into, 0, part, 0);
        return into;
      };
      const identity = Float64Array.from(identityOf(kind));
      assert.deepEqual(merged(x, y), merged(y, x));
      assert.deepEqual(merged(identity, x), x);
      assert.deepEqual(merged(x, identity), x);
      const left = merged(merged(x, y), z);
      const right = merged(x, merged(y, z));
      for (let i = 0; i < left.length; i++) assertClose(left[i], right[i]);
    }),
  );
});

test("property: sketches merge exactly in any order", () => {
  const values = fc.array(
    fc.oneof(fc.double({ noNaN: true, min: -1e12, max: 1e12 }), fc.constantFrom(0, 1e-12, 1e300, -1e300)),
  );
  fc.assert(
    fc.property(values, values, (a, b) => {
      const quantiles = [a, b, [...a, ...b], []].map((part) => {
        const sketch = ddSketch();
        for (const value of part) addQuantile(sketch, value);
        return sketch;
      });
      mergeQuantile(quantiles[3], quantiles[1]);
      mergeQuantile(quantiles[3], quantiles[0]);
      for (const q of [0.01, 0.5, 0.99]) {
        assert.equal(estimateQuantile(quantiles[3], q), estimateQuantile(quantiles[2], q));
      }
      const distincts = [a, b, [...a, ...b], []].map((part) => {
        const sketch = hyperLogLog();
        for (const value of part) addDistinct(sketch, value);
        return sketch;
      });
      mergeDistinct(distincts[3], distincts[1]);
      mergeDistinct(distincts[3], distincts[0]);
      assert.equal(estimateDistinct(distincts[3]), estimateDistinct(distincts[2]));
    }),
  );
});

test("property: a quantile is within 1 % of the value at its rank", () => {
  const values = fc.array(fc.double({ noNaN: true, min: -1e9, max: 1e9 }), { minLength: 1, maxLength: 300 });
  fc.assert(
    fc.property(values, fc.double({ noNaN: true, min: 0.001, max: 0.999 }), (list, q) => {
      const sketch = ddSketch();
      for (const value of list) addQuantile(sketch, value);
      const exact = list.slice().sort((x, y) => x - y)[Math.floor(q * (list.length - 1))];
      const estimate = estimateQuantile(sketch, q);
      assert.ok(Math.abs(estimate - exact) <= Math.abs(exact) * 0.010001 + 1e-9, `${estimate} for ${exact}`);
    }),
  );
});

test("distinct counts are within four standard errors, texts and numbers alike", () => {
  for (const size of [1, 10, 100, 1000, 10_000, 100_000]) {
    const texts = hyperLogLog();
    const numbers = hyperLogLog();
    for (let i = 0; i < size; i++) {
      for (let twice = 0; twice < 2; twice++) {
        addDistinct(texts, `flight ${i}`);
        addDistinct(numbers, i * 0.5);
      }
    }
    for (const sketch of [texts, numbers]) {
      const error = Math.abs(estimateDistinct(sketch) - size) / size;
      assert.ok(error < 0.13, `${size}: ${estimateDistinct(sketch)}`);
    }
  }
});

test("hops: five minutes under 12 hours, an hour under 12 days, else a day", () => {
  assert.deepEqual(
    [5 * MINUTE, 12 * HOUR - 1, 12 * HOUR, 12 * DAY - 1, 12 * DAY].map((windowMs) => hopMs(windowMs) / MINUTE),
    [5, 5, 60, 60, 1440],
  );
});

/** The definition, computed from all events with no state at all. */
const naiveFeature = (feature: FeatureDefinition, events: Reading[], time: number): number => {
  const taken = events.filter(
    ({ value }) => value !== null && (feature.where === undefined || value > 0),
  ) as (Reading & { value: number })[];
  const span = spanOf(feature.windowMs);
  const last = tileOf(time, span.hop);
  const boundary = boundaryOf(span, last);
  const first = firstTile(span, time);
  const inTile = (tile: number): number[] =>
    taken.filter(({ at }) => tileOf(at, span.hop) === tile).map(({ value }) => value);
  const covered = taken.filter(({ at }) => tileOf(at, span.hop) >= first && tileOf(at, span.hop) <= last);
  const values = covered.map(({ value }) => value);

  const tilesUp = new Set(covered.map(({ at }) => tileOf(at, span.hop)));
  const up = [...tilesUp].filter((tile) => tile >= boundary).sort((a, b) => a - b);
  const down = [...tilesUp].filter((tile) => tile < boundary).sort((a, b) => b - a);
  const canonicalSum = (): number => {
    const sumOf = (tiles: number[]): number =>
      tiles.reduce((sum, tile) => sum + inTile(tile).reduce((inner, value) => inner + value, 0), 0);
    return sumOf(up) + sumOf(down);
  };
  switch (feature.function) {
    case "count":
      return values.length;
    case "sum":
      return canonicalSum();
    case "mean":
      return values.length === 0 ? Number.NaN : canonicalSum() / values.length;
    case "min":
      return values.length === 0 ? Number.NaN : Math.min(...values) + 0;
    case "max":
      return values.length === 0 ? Number.NaN : Math.max(...values) + 0;
    case "variance": {
      const merge = (tiles: number[]): Float64Array => {
        const into = new Float64Array(3);
        for (const tile of tiles) {
          const own = new Float64Array(3);
          for (const value of inTile(tile)) foldValue(Kind.variance, own, 0, value + 0, 0);
          mergeSlots(Kind.variance, into, 0, own, 0);
        }
        return into;
      };
      const total = merge(up);
      mergeSlots(Kind.variance, total, 0, merge(down), 0);
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      const exact = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
      if (values.length > 0) assertClose(total[2] / total[0], exact);
      return values.length === 0 ? Number.NaN : total[2] / total[0];
    }
    case "last": {
      const newest = covered.reduce<Reading | null>(
        (best, event) => (best === null || event.at >= best.at ? event : best),
        null,
      );
      return newest === null ? Number.NaN : (newest.value as number) + 0;
    }
    case "distinct": {
      const sketch = hyperLogLog();
      for (const value of values) addDistinct(sketch, value + 0);
      return estimateDistinct(sketch);
    }
    default: {
      const sketch = ddSketch();
      for (const value of values) addQuantile(sketch, value);
      return estimateQuantile(sketch, 0.5);
    }
  }
};

const assertSame = (actual: number[], expected: number[]): void => {
  for (let i = 0; i < expected.length; i++) {
    const name = features[i % features.length].name;
    assert.ok(Object.is(actual[i], expected[i]), `${name}: ${actual[i]} instead of ${expected[i]}`);
  }
};

const assertClose = (a: number, b: number): void => {
  if (Object.is(a, b) || a === b) return;
  assert.ok(Math.abs(a - b) <= 1e-6 * Math.max(1, Math.abs(a), Math.abs(b)), `${a} is not close to ${b}`);
};
