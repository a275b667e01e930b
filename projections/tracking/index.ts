export { comparator, matcher, type Values } from "./filter/evaluate.ts";
export type { SearchKind } from "./filter/kinds.ts";
export { parseFilter, parseOrder } from "./filter/parse.ts";
export type { MetricHistory, MetricPoint, RunOfMetrics } from "./points.ts";
export { runRunFields } from "./run-fields.ts";
export type { FoundRun, RunSearch, RunSearchPage } from "./run-search.ts";
export { type TrackingStore, type TrackingStoreOptions, trackingStore } from "./store.ts";
