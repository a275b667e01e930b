import type { Position } from "../../infra/event-store/port.ts";
import type { MetricHistory, MetricPoint, RunOfMetrics } from "./points.ts";
import type { RunSearch, RunSearchPage } from "./run-search.ts";

/** Metric points of runs and the search over runs: what MLflow's tracking store does beside the lifecycle. */
export type TrackingStore = {
  /**
   * Appends points; each can be read once this has answered. Sending a batch again changes nothing. That the run exists
   * and is active is for the caller to know. BAD_REQUEST names the point and what is wrong with it.
   */
  logMetrics(project: string, of: RunOfMetrics, points: readonly MetricPoint[]): Promise<void>;
  /** The latest point of each metric by run, in the order of keys; runs without metrics are left out. */
  latestMetrics(project: string, runs: readonly string[]): Promise<Map<string, MetricPoint[]>>;
  /** BAD_REQUEST for a foreign token. */
  metricHistory(
    project: string,
    run: string,
    key: string,
    page: { first: number; after?: string },
  ): Promise<MetricHistory>;
  /**
   * Runs that meet the filter, in order. Waits, at most `searchWaitMs`, until the tables have what this process has
   * logged or noted for the project. BAD_REQUEST for a malformed filter, order or token.
   */
  searchRuns(project: string, search: RunSearch): Promise<RunSearchPage>;
  /** A command of this process has written up to this position: later searches reflect it. */
  noteWrite(project: string, position: Position): void;
};
