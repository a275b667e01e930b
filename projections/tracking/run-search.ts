import type { RunDocument } from "../documents/types.ts";
import type { MetricPoint } from "./points.ts";

export type RunSearch = {
  experiments: readonly string[];
  /** MLflow's language, e.g. `metrics.auc > 0.7 and params.depth = '6'`. */
  filter?: string;
  /** e.g. `metrics.auc DESC`; then the newest run first. */
  orderBy?: readonly string[];
  view: "active" | "deleted" | "all";
  /** Most runs of the page. */
  first: number;
  /** Token of the page before. */
  after?: string;
};

/** A run with the latest point of each of its metrics. */
export type FoundRun = { run: RunDocument; metrics: MetricPoint[] };

export type RunSearchPage = { runs: FoundRun[]; next: string | null };
