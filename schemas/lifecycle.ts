import type { AlertEvent } from "./lifecycle/alert.ts";
import type { DatasetEvent } from "./lifecycle/dataset.ts";
import type { DeploymentEvent } from "./lifecycle/deployment.ts";
import type { EventSourceEvent } from "./lifecycle/event-source.ts";
import type { ExperimentEvent } from "./lifecycle/experiment.ts";
import type { FeatureViewEvent } from "./lifecycle/feature-view.ts";
import type { LoggedModelEvent } from "./lifecycle/logged-model.ts";
import type { ModelEvent } from "./lifecycle/model.ts";
import type { MonitorEvent } from "./lifecycle/monitor.ts";
import type { PolicyEvent } from "./lifecycle/policy.ts";
import type { ProjectEvent } from "./lifecycle/project.ts";
import type { RunEvent } from "./lifecycle/run.ts";
import type { TrainingJobEvent } from "./lifecycle/training-job.ts";

/**
 * Every lifecycle event that a release has written, at its newest version. Older versions are brought here
 * by `schemas/upcasters.ts`. Stream of an aggregate: `<aggregate>-<project>/<id>` (`streamName`).
 * Times are UTC milliseconds, durations milliseconds.
 */
export type LifecycleEvent =
  | ProjectEvent
  | EventSourceEvent
  | FeatureViewEvent
  | ModelEvent
  | DeploymentEvent
  | MonitorEvent
  | AlertEvent
  | TrainingJobEvent
  | ExperimentEvent
  | RunEvent
  | LoggedModelEvent
  | DatasetEvent
  | PolicyEvent;

export type Aggregate =
  | "project"
  | "event-source"
  | "feature-view"
  | "model"
  | "deployment"
  | "monitor"
  | "alert"
  | "training-job"
  | "experiment"
  | "run"
  | "logged-model"
  | "dataset"
  | "policy";

export const aggregates: readonly Aggregate[] = [
  "project",
  "event-source",
  "feature-view",
  "model",
  "deployment",
  "monitor",
  "alert",
  "training-job",
  "experiment",
  "run",
  "logged-model",
  "dataset",
  "policy",
];

export const streamName = (aggregate: Aggregate, project: string, id: string): string =>
  `${aggregate}-${project}/${id}`;

/** Inverse of `streamName`; null for a stream that is not an aggregate's. */
export const parseStreamName = (stream: string): { aggregate: Aggregate; project: string; id: string } | null => {
  const slash = stream.indexOf("/");
  if (slash < 0) return null;
  const head = stream.slice(0, slash);
  const aggregate = aggregates.find((name) => head.startsWith(`${name}-`));
  return aggregate === undefined
    ? null
    : { aggregate, project: head.slice(aggregate.length + 1), id: stream.slice(slash + 1) };
};
