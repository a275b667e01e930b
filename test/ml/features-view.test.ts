import assert from "node:assert/strict";
import { test } from "node:test";
import { planColumns } from "../../ml/features/columns.ts";
import { evaluateBlob, viewState } from "../../ml/features/state.ts";
import { isLocal, planView, type SourceInfo } from "../../ml/features/view.ts";
import { isMillraceError } from "../../schemas/errors.ts";
import type { FeatureDefinition, FeatureViewDefinition } from "../../schemas/lifecycle/feature-view.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** A Thursday at midnight. */
const START = Date.UTC(2001, 2, 1);

const source = (name: string, fields: [string, unknown][]): SourceInfo => ({
  name,
  topic: name,
  schema: JSON.stringify({ type: "record", name, fields: fields.map(([field, type]) => ({ name: field, type })) }),
  key: "origin",
  timestamp: "at",
});

const departures = source("departures", [
  ["origin", "string"],
  ["destination", "string"],
  ["distance", "int"],
  ["at", "long"],
]);
const arrivals = source("arrivals", [
  ["origin", "string"],
  ["destination", "string"],
  ["delay", ["null", "double"]],
  ["at", "long"],
]);
const sources = [departures, arrivals];

const feature = (name: string, rest: Partial<FeatureDefinition>): FeatureDefinition => ({
  name,
  source: "arrivals",
  function: "count",
  windowMs: HOUR,
  ...rest,
});

const airport = (features: FeatureDefinition[], rest: Partial<FeatureViewDefinition> = {}): FeatureViewDefinition => ({
  entity: { name: "airport", key: ["origin"] },
  features,
  allowedLatenessMs: 0,
  ttlMs: null,
  ...rest,
});

const arrival = (delay: number | null, origin = "SFO", destination = "JFK") => ({ origin, destination, delay });

const planOf = (features: FeatureDefinition[], rest: Partial<FeatureViewDefinition> = {}) =>
  planView("airport", 1, airport(features, rest), sources);

const read = (
  features: FeatureDefinition[],
  events: [delay: number | null, at: number][],
  at: number,
  rest: Partial<FeatureViewDefinition> = {},
): number[] => {
  const state = viewState(planOf(features, rest));
  for (const [delay, time] of events) state.apply("arrivals", arrival(delay), time);
  const out = new Float64Array(features.length);
  state.read("SFO", at, out, 0);
  return [...out];
};

test("every function over one window", () => {
  const value = "event.delay";
  const features = [
    feature("count", { function: "count" }),
    feature("sum", { function: "sum", value }),
    feature("mean", { function: "mean", value }),
    feature("min", { function: "min", value }),
    feature("max", { function: "max", value }),
    feature("variance", { function: "variance", value }),
    feature("last", { function: "last", value }),
    feature("ever", { function: "last", value, windowMs: null }),
    feature("distinct", { function: "distinct", value }),
    feature("quantile", { function: "quantile", value, quantile: 0.5 }),
    feature("rate", { function: "rate", windowMs: 2 * HOUR }),
    feature("late", { function: "count", where: "event.delay > 15" }),
    feature("share", { function: "mean", value: "event.delay > 15" }),
  ];
  const events: [number | null, number][] = [
    [10, START + MINUTE],
    [20, START + 20 * MINUTE],
    [null, START + 25 * MINUTE],
    [-6, START + 40 * MINUTE],
  ];
  const [count, sum, mean, min, max, variance, last, ever, distinct, quantile, rate, late, share] = read(
    features,
    events,
    START + 45 * MINUTE,
  );
  assert.deepEqual(
    { count, sum, mean, min, max, last, ever, distinct, rate, late, share },
    { count: 4, sum: 24, mean: 8, min: -6, max: 20, last: -6, ever: -6, distinct: 3, rate: 2, late: 1, share: 1 / 3 },
  );
  assert.ok(Math.abs(variance - 344 / 3) < 1e-9, `variance ${variance}`);
  assert.ok(Math.abs(quantile - 10) <= 0.1, `median ${quantile}`);

  const empty = read(features, events, START + 10 * DAY);
  assert.deepEqual(empty, [
    0,
    0,
    Number.NaN,
    Number.NaN,
    Number.NaN,
    Number.NaN,
    Number.NaN,
    -6,
    0,
    Number.NaN,
    0,
    0,
    Number.NaN,
  ]);
});

test("the tail of a window moves in hops, its head is exact", () => {
  const features = [feature("hour", {}), feature("day", { windowMs: DAY })];
  const events: [number, number][] = [[1, START + 7 * MINUTE]];
  // The tile 00:05 to 00:10 leaves the hour at 01:10, and the tile 00:00 to 01:00 leaves the day at 01:00 of the next.
  assert.deepEqual(read(features, events, START + 7 * MINUTE), [1, 1]);
  assert.deepEqual(read(features, events, START + 70 * MINUTE - 1), [1, 1]);
  assert.deepEqual(read(features, events, START + 70 * MINUTE), [0, 1]);
  assert.deepEqual(read(features, events, START + DAY + HOUR - 1), [0, 1]);
  assert.deepEqual(read(features, events, START + DAY + HOUR), [0, 0]);
});

test("events after the tile of the moment asked for are not seen", () => {
  assert.deepEqual(
    read(
      [feature("hour", {})],
      [
        [1, START],
        [2, START + 30 * MINUTE],
      ],
      START + 10 * MINUTE,
    ),
    [1],
  );
});

test("late events land in their tile within the allowed lateness and are counted beyond it", () => {
  const features = [feature("day", { windowMs: DAY }), feature("last", { function: "last", value: "event.delay" })];
  const state = viewState(planOf(features, { allowedLatenessMs: 10 * MINUTE }));
  assert.equal(state.apply("arrivals", arrival(1), START + HOUR), true);
  assert.equal(state.apply("arrivals", arrival(2), START + 50 * MINUTE), true);
  assert.equal(state.apply("arrivals", arrival(3), START + 50 * MINUTE - 1), false);
  assert.equal(state.apply("arrivals", arrival(4, "JFK"), START + 49 * MINUTE), true);
  assert.deepEqual(state.left, { late: 1, keyless: 0 });
  const out = new Float64Array(2);
  state.read("SFO", START + HOUR, out, 0);
  assert.deepEqual([...out], [2, 1]);
});

test("what no feature takes changes nothing", () => {
  const state = viewState(planOf([feature("late", { where: "event.delay > 15" })]));
  assert.equal(state.apply("arrivals", arrival(3), START), false);
  assert.equal(state.apply("departures", arrival(30), START), false);
  assert.equal(state.apply("arrivals", { origin: null, delay: 30 }, START + 1), false);
  assert.equal(state.size, 0);
  assert.deepEqual(state.left, { late: 0, keyless: 1 });
  assert.throws(() => state.apply("arrivals", arrival(30), Number.NaN), { code: "INVALID_RECORD" });
  assert.throws(() => state.apply("arrivals", arrival(30), 1e18), { code: "INVALID_RECORD" });
});

test("an entity beyond its ttl, or unknown, reads as one without events", () => {
  const features = [feature("ever", { function: "last", value: "event.delay", windowMs: null })];
  assert.deepEqual(read(features, [[7, START]], START + DAY, { ttlMs: DAY }), [7]);
  assert.deepEqual(read(features, [[7, START]], START + DAY + 1, { ttlMs: DAY }), [Number.NaN]);
  assert.deepEqual(read(features, [], START), [Number.NaN]);
});

test("a drained blob is evaluated as of any later moment", () => {
  const features = [
    feature("hour", {}),
    feature("mean", { function: "mean", value: "event.delay", windowMs: 7 * DAY }),
  ];
  const plan = planOf(features, { ttlMs: 2 * DAY });
  const state = viewState(plan);
  for (const [delay, at] of [
    [1.25, START],
    [3, START + MINUTE],
  ]) {
    state.apply("arrivals", arrival(delay), at);
  }
  const drained: [string, Buffer][] = [];
  state.drain((entity, blob) => drained.push([entity, Buffer.from(blob)]));
  assert.deepEqual(
    drained.map(([entity]) => entity),
    ["SFO"],
  );
  state.drain(() => assert.fail("nothing changed since"));
  const [, blob] = drained[0];
  assert.deepEqual([...evaluateBlob(plan, blob, START + 2 * MINUTE)], [2, 2.125]);
  assert.deepEqual([...evaluateBlob(plan, blob, START + DAY)], [0, 2.125]);
  assert.deepEqual([...evaluateBlob(plan, blob, START + 3 * DAY)], [0, Number.NaN]);
  assert.throws(() => evaluateBlob(plan, blob.subarray(0, 8), START), { code: "UNDECODABLE_RECORD" });
  const other = planOf([feature("hour", { windowMs: 3 * DAY })]);
  assert.throws(() => evaluateBlob(other, blob, START), { code: "UNDECODABLE_RECORD" });
});

const invalid: [reason: RegExp, definition: FeatureViewDefinition][] = [
  [/no features/, airport([])],
  [/unknown source landings; known: departures, arrivals/, airport([feature("a", { source: "landings" })])],
  [
    /key field carrier is missing in source arrivals/,
    airport([feature("a", {})], { entity: { name: "c", key: ["carrier"] } }),
  ],
  [/no key fields/, airport([feature("a", {})], { entity: { name: "c", key: [] } })],
  [/feature a is there twice/, airport([feature("a", {}), feature("a", {})])],
  [/feature a: windowMs must be/, airport([feature("a", { windowMs: 1000 })])],
  [/feature a: windowMs must be/, airport([feature("a", { windowMs: 400_000.5 })])],
  [/only last goes without a window/, airport([feature("a", { windowMs: null })])],
  [/feature a: sum needs a value/, airport([feature("a", { function: "sum" })])],
  [/count takes no value/, airport([feature("a", { value: "event.delay" })])],
  [/quantile needs/, airport([feature("a", { function: "quantile", value: "event.delay", quantile: 1 })])],
  [/only the function quantile/, airport([feature("a", { quantile: 0.5 })])],
  [/allowedLatenessMs/, airport([feature("a", {})], { allowedLatenessMs: -1 })],
  [/ttlMs/, airport([feature("a", {})], { ttlMs: Number.NaN })],
];

for (const [reason, definition] of invalid) {
  test(`refused view: ${reason.source}`, () => {
    assert.throws(
      () => planView("airport", 1, definition, sources),
      (error: unknown) => {
        assert.ok(isMillraceError(error, "INVALID_FEATURE_VIEW"), String(error));
        assert.match(error.message, reason);
        return true;
      },
    );
  });
}

test("an expression's refusal names the feature", () => {
  assert.throws(() => planOf([feature("a", { where: "event.delay" })]), {
    code: "INVALID_EXPRESSION",
    message: /Feature airport:a: .*bool is needed\. \(line 1, column 1\)/,
  });
});

test("a view is local when its entity contains the message key of every source", () => {
  const route = { entity: { name: "route", key: ["origin", "destination"] } };
  const destination = { entity: { name: "destination", key: ["destination"] } };
  assert.equal(isLocal(planOf([feature("a", {})]), sources), true);
  assert.equal(isLocal(planOf([feature("a", {})], route), sources), true);
  assert.equal(isLocal(planOf([feature("a", {})], destination), sources), false);
});

test("columns come from event fields, features and expressions", () => {
  const plan = planOf([feature("hour", {}), feature("mean", { function: "mean", value: "event.delay" })]);
  const route = planView(
    "route",
    1,
    airport([feature("n", {})], { entity: { name: "r", key: ["origin", "destination"] } }),
    sources,
  );
  const columns = planColumns(
    [
      { name: "distance", from: "event.distance" },
      { name: "n", from: "route:n" },
      { name: "mean", from: "airport:mean" },
      { name: "weekend", from: "weekday(time) in [0, 6]" },
      { name: "hour", from: "airport:hour" },
    ],
    departures,
    new Map([
      ["airport", plan],
      ["route", route],
    ]),
  );
  assert.deepEqual(
    columns.views.map(({ view }) => view),
    ["route", "airport"],
  );
  const states = [viewState(route), viewState(plan)];
  for (const state of states) state.apply("arrivals", arrival(12), START);
  const out = new Float32Array(7).fill(-1);
  columns.write({ origin: "SFO", destination: "LAX", distance: 337 }, START, states, out, 1);
  assert.deepEqual([...out], [-1, 337, 0, 12, 0, 1, -1]);
  columns.write({ origin: "OAK", destination: "LAX", distance: null }, START, states, out, 1);
  assert.deepEqual([...out], [-1, Number.NaN, 0, Number.NaN, 0, 0, -1]);
});

test("columns that do not hold together are refused by name", () => {
  const plan = planOf([feature("hour", {})]);
  const other = planView("delays", 1, airport([feature("a", {})], { entity: { name: "d", key: ["delay"] } }), sources);
  const views = new Map([
    ["airport", plan],
    ["delays", other],
  ]);
  const refuse = (from: string, code: string, message: RegExp) =>
    assert.throws(() => planColumns([{ name: "x", from }], departures, views), { code, message });
  refuse("airports:hour", "BAD_REQUEST", /Column x: the feature view airports does not exist; known: airport, delays/);
  refuse("airport:day", "BAD_REQUEST", /Column x: airport has no feature day; its features: hour/);
  refuse("delays:a", "BAD_REQUEST", /Column x: delays is keyed by delay, which departures does not have/);
  refuse("event.origin", "INVALID_EXPRESSION", /Column x: The expression is a string/);
  refuse("event.speed", "INVALID_EXPRESSION", /Column x: .*no field `speed`/);
  assert.throws(() => planColumns([], departures, views), { code: "BAD_REQUEST" });
  const twice = { name: "x", from: "1" };
  assert.throws(() => planColumns([twice, twice], departures, views), { message: /there twice/ });
});
