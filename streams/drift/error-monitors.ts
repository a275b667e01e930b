import { newPageHinkley, type PageHinkleyState, updatePageHinkley } from "../../ml/drift/page-hinkley.ts";
import type { DriftRecord } from "../../schemas/topics.ts";
import type { CatalogMonitor } from "../catalog.ts";
import type { Joined } from "../outcomes/join.ts";
import type { DeploymentStage } from "../predictions/stage.ts";

/**
 * Page-Hinkley on the absolute error of each prediction that met its outcome, by monitor and version, within one
 * partition: the order of one partition's outcomes is the same in every replay.
 */
export type ErrorMonitors = {
  observe(stage: DeploymentStage, joined: readonly Joined[], emit: (result: DriftRecord) => void): void;
  /** Serialisable, for the changelog. */
  state(): Record<string, unknown>;
};

type Detector = { page: PageHinkleyState; since: number; rows: number };

export const errorMonitors = (
  monitors: readonly CatalogMonitor[],
  restored: Record<string, unknown>,
): ErrorMonitors => {
  const detectors = new Map(Object.entries(restored) as [string, Detector][]);
  return {
    observe: (stage, joined, emit) => {
      for (const { id, definition } of monitors) {
        if (definition.kind !== "error" || definition.deployment !== stage.deployment.id) continue;
        for (const { prediction, outcome, time } of joined) {
          const key = `${id}|${prediction.model}|${prediction.version}`;
          const detector = detectors.get(key) ?? { page: newPageHinkley(), since: time, rows: 0 };
          const error = Math.abs(outcome - prediction.output);
          // One would leave the test without a mean for good.
          if (!Number.isFinite(error)) continue;
          const { state, drift } = updatePageHinkley(detector.page, error, definition);
          const next = { page: state, since: detector.since, rows: detector.rows + 1 };
          detectors.set(key, drift ? { page: newPageHinkley(), since: time, rows: 0 } : next);
          if (!drift) continue;
          emit({
            monitor: id,
            endpoint: definition.deployment,
            model: prediction.model,
            version: prediction.version,
            column: "error",
            statistic: "page-hinkley",
            value: error,
            threshold: definition.lambda,
            drifted: true,
            from: detector.since,
            to: time,
            rows: next.rows,
          });
        }
      }
    },
    state: () => Object.fromEntries(detectors),
  };
};
