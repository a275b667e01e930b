import type { Event } from "./event.ts";

export type DriftStatistic = "psi" | "js" | "ks" | "wasserstein";

export type MonitorDefinition =
  | {
      kind: "drift";
      deployment: string;
      statistic: DriftStatistic;
      threshold: number;
      /** Columns watched; all, and the output `prediction`, when empty. */
      columns: string[];
      /** Length of the compared window in event time, a multiple of the tile (1 h). */
      windowMs: number;
      /** Fewer rows than this in a window are not judged. */
      minRows: number;
    }
  | {
      kind: "error";
      deployment: string;
      /** Page-Hinkley (River's defaults: 30, 0.005, 50, 0.9999). */
      minInstances: number;
      delta: number;
      lambda: number;
      alpha: number;
    };

export type MonitorEvent = Event<"MonitorCreated", MonitorDefinition> | Event<"MonitorDeleted", Record<string, never>>;
