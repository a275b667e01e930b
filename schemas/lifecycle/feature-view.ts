import type { Event } from "./event.ts";

export type AggregateFunction =
  | "count"
  | "sum"
  | "mean"
  | "min"
  | "max"
  | "variance"
  | "last"
  | "distinct"
  | "quantile"
  | "rate";

export type FeatureDefinition = {
  name: string;
  /** Event source whose events feed it. */
  source: string;
  function: AggregateFunction;
  /** CEL over `event` and `time`; a number (string, too, for `distinct`). Absent for `count` and `rate`. */
  value?: string;
  /** CEL, bool: which events count. All without it. */
  where?: string;
  /** Sawtooth window length; null for `last` without a window. */
  windowMs: number | null;
  /** For `quantile`, in (0, 1). */
  quantile?: number;
};

export type FeatureViewDefinition = {
  /** `key`: the fields that identify the entity, present in every source of the view. */
  entity: { name: string; key: string[] };
  features: FeatureDefinition[];
  /** An event this much older than the newest one of its entity is dropped and counted. */
  allowedLatenessMs: number;
  /** An entity not touched for so long is forgotten at read time; null never. */
  ttlMs: number | null;
};

export type FeatureViewEvent =
  | Event<"FeatureViewCreated", { definition: FeatureViewDefinition }>
  | Event<"FeatureViewChanged", { version: number; definition: FeatureViewDefinition }>
  | Event<"FeatureViewArchived", Record<string, never>>;
