export { comparator, matcher, type Values } from "./filter/evaluate.ts";
export type { SearchKind } from "./filter/kinds.ts";
export { orderKey, parseFilter, parseOrder } from "./filter/parse.ts";
export type { MetricHistory, MetricPoint, ModelMetric } from "./points.ts";
export { runRunFields } from "./run-fields.ts";
export { type TrackingStore, trackingStore } from "./store.ts";
