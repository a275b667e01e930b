import type { RunDocument } from "../../projections/documents/types.ts";
import type { MetricHistory, MetricPoint, TrackingStore } from "../../projections/tracking/index.ts";
import { builder } from "../builder.ts";

type Point = Pick<MetricPoint, "key" | "value" | "timestamp" | "step">;
type Asked = { runs: Set<string>; found: Promise<Map<string, Point[]>> };

const waiting = new WeakMap<TrackingStore, Map<string, Asked>>();

/** The runs of a list ask one after the other in one turn of the event loop: all of them go in one question. */
export const latestMetricsOf = async (tracking: TrackingStore, { project, id }: RunDocument): Promise<Point[]> => {
  const asked = waiting.get(tracking) ?? new Map<string, Asked>();
  waiting.set(tracking, asked);
  const open = asked.get(project);
  if (open !== undefined) {
    open.runs.add(id);
    return (await open.found).get(id) ?? [];
  }
  const runs = new Set([id]);
  const found = new Promise((resolve) => setImmediate(resolve)).then(() => {
    asked.delete(project);
    return tracking.latestMetrics(project, [...runs]);
  });
  asked.set(project, { runs, found });
  return (await found).get(id) ?? [];
};

export const RunMetric = builder.objectRef<Point>("RunMetric").implement({
  description: "A point of a metric.",
  fields: (t) => ({
    key: t.exposeString("key"),
    value: t.float({
      nullable: true,
      description: "Null where it is no finite number: `text` says which.",
      resolve: ({ value }) => (Number.isFinite(value) ? value : null),
    }),
    text: t.string({ description: "The value, or NaN, Infinity, -Infinity.", resolve: ({ value }) => String(value) }),
    timestamp: t.expose("timestamp", { type: "Long", description: "As it was logged, UTC milliseconds." }),
    step: t.expose("step", { type: "Long" }),
  }),
});

export const RunMetricHistory = builder.objectRef<MetricHistory>("RunMetricHistory").implement({
  fields: (t) => ({
    points: t.expose("points", { type: [RunMetric], description: "By timestamp, step and value." }),
    endCursor: t.string({
      nullable: true,
      description: "For `after`; null at the end.",
      resolve: ({ next }) => next,
    }),
  }),
});
