import { viewState } from "../ml/features/state.ts";
import { planView, type SourceInfo } from "../ml/features/view.ts";
import type { FeatureDefinition } from "../schemas/lifecycle/feature-view.ts";
import type { BenchResult } from "./result.ts";

/** How fast one core keeps a view's state and reads its features, beside a map look-up with the bare additions. */
export type FeaturesBenchOptions = { events?: number; routes?: number; airports?: number };

const HOUR = 3_600_000;
const START = Date.UTC(2001, 0, 1);

const source: SourceInfo = {
  name: "arrivals",
  topic: "arrivals",
  schema: JSON.stringify({
    type: "record",
    name: "Arrival",
    fields: [
      { name: "origin", type: "string" },
      { name: "destination", type: "string" },
      { name: "delay", type: "double" },
      { name: "at", type: "long" },
    ],
  }),
  key: "origin",
  timestamp: "at",
};

const feature = (name: string, hours: number, rest: Partial<FeatureDefinition>): FeatureDefinition => ({
  name,
  source: "arrivals",
  function: "count",
  windowMs: hours * HOUR,
  ...rest,
});

/** Ten features over five windows, as the flights example has them. */
const features: FeatureDefinition[] = [
  feature("count1h", 1, {}),
  feature("count24h", 24, {}),
  feature("late3h", 3, { where: "event.delay > 15.0" }),
  feature("late24h", 24, { where: "event.delay > 15.0" }),
  feature("mean1h", 1, { function: "mean", value: "event.delay" }),
  feature("mean6h", 6, { function: "mean", value: "event.delay" }),
  feature("mean24h", 24, { function: "mean", value: "event.delay" }),
  feature("mean7d", 168, { function: "mean", value: "event.delay" }),
  feature("max24h", 24, { function: "max", value: "event.delay" }),
  feature("variance7d", 168, { function: "variance", value: "event.delay" }),
];

type Arrival = { origin: string; destination: string; delay: number; at: number };

export const run = async (options: FeaturesBenchOptions = {}): Promise<BenchResult> => {
  const count = options.events ?? 300_000;
  const arrivals = generate(count, options.airports ?? 230, options.routes ?? 20);
  const airport = planOf("airport", ["origin"]);
  const route = planOf("route", ["origin", "destination"]);
  const out = new Float64Array(features.length);

  const states = [viewState(airport), viewState(route)];
  const updates = measure(() => {
    for (const event of arrivals) for (const state of states) state.apply("arrivals", event, event.at);
  });
  const both = [viewState(airport), viewState(route)];
  const mixed = measure(() => {
    for (const event of arrivals) {
      for (const state of both) {
        state.read(state.plan.entityOf(event), event.at, out, 0);
        state.apply("arrivals", event, event.at);
      }
    }
  });
  const last = arrivals[arrivals.length - 1].at;
  const reads = measure(() => {
    for (const event of arrivals) for (const state of both) state.read(state.plan.entityOf(event), last, out, 0);
  });
  let bytes = 0;
  let blobs = 0;
  const draining = measure(() =>
    both[1].drain((_entity, blob) => {
      bytes += blob.length;
      blobs++;
    }),
  );
  const bare = measure(() => additions(arrivals));

  const pairs = 2 * count;
  const perSecond = (ms: number): number => Math.round((pairs / ms) * 1000);
  return {
    name: "features",
    figure: perSecond(mixed),
    unit: "reads of 10 features and updates, of one view, per second",
    ceiling: perSecond(bare),
    ratio: bare / mixed,
    rssMb: Math.round(process.memoryUsage.rss() / 1024 / 1024),
    notes: [
      `updates alone: ${perSecond(updates)} (event, view) per second`,
      `reads alone: ${((reads / pairs) * 1000).toFixed(2)} us for 10 features`,
      `a blob of a route: ${Math.round(bytes / blobs)} bytes, encoded in ${((draining / blobs) * 1000).toFixed(2)} us`,
      "ceiling: the same keys looked up in a Map, ten additions into a typed array each",
    ],
  };
};

const planOf = (view: string, key: string[]) =>
  planView(view, 1, { entity: { name: view, key }, features, allowedLatenessMs: HOUR, ttlMs: null }, [source]);

/** Busy airports are hit more, as in life; 60 events a minute of event time. */
const generate = (count: number, airports: number, routes: number): Arrival[] => {
  let seed = 7;
  const random = (): number => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return seed / 2 ** 32;
  };
  return Array.from({ length: count }, (_, i) => {
    const origin = Math.floor(random() ** 2 * airports);
    return {
      origin: `A${origin}`,
      destination: `A${(origin + 1 + Math.floor(random() * routes)) % airports}`,
      delay: Math.round((random() - 0.3) * 100),
      at: START + i * 1000,
    };
  });
};

const additions = (arrivals: readonly Arrival[]): void => {
  const ids = new Map<string, number>();
  const sums = new Float64Array(arrivals.length * 10);
  for (const event of arrivals) {
    for (const key of [event.origin, `${event.origin}\u001f${event.destination}`]) {
      let id = ids.get(key);
      if (id === undefined) {
        id = ids.size;
        ids.set(key, id);
      }
      for (let i = 0; i < 10; i++) sums[id * 10 + i] += event.delay;
    }
  }
};

/** Milliseconds of one run: each needs a state of its own, so none is repeated. */
const measure = (work: () => void): number => {
  const from = performance.now();
  work();
  return performance.now() - from;
};
