import type { ExperimentDocument, LoggedModelDocument, RunDocument } from "../../../projections/documents/types.ts";
import type { MetricPoint } from "../../../projections/tracking/index.ts";
import { withoutTrailingSlashes } from "./slashes.ts";

export const pairs = (values: Readonly<Record<string, string>>) =>
  Object.entries(values).map(([key, value]) => ({ key, value }));

/** As protobuf writes a message in JSON: a list of nothing is left out. */
export const withoutEmptyLists = <T extends object>(message: T): Partial<T> =>
  Object.fromEntries(
    Object.entries(message).filter(([, value]) => !Array.isArray(value) || value.length > 0),
  ) as Partial<T>;

/** As protobuf writes a double in JSON. */
const doubleOut = (value: number): number | string => (Number.isFinite(value) ? value : String(value));

/** Where the artifacts of an experiment's runs and models are. */
export const locationOf = ({ id, artifactLocation }: Pick<ExperimentDocument, "id" | "artifactLocation">): string =>
  withoutTrailingSlashes(artifactLocation ?? `mlflow-artifacts:/${id}`);

export const runRoot = (location: string, run: string): string => `${location}/${run}/artifacts`;

export const modelRoot = (location: string, model: string): string => `${location}/models/${model}/artifacts`;

export const experimentAnswer = (experiment: ExperimentDocument) =>
  withoutEmptyLists({
    experiment_id: experiment.id,
    name: experiment.name,
    artifact_location: locationOf(experiment),
    lifecycle_stage: experiment.status,
    creation_time: experiment.createdAt,
    last_update_time: experiment.updatedAt,
    tags: pairs(experiment.tags),
    workspace: "default",
  });

export const metricAnswer = (point: MetricPoint, run?: string) => ({
  key: point.key,
  value: doubleOut(point.value),
  timestamp: point.timestamp,
  step: point.step,
  ...(point.model === undefined ? {} : { model_id: point.model }),
  ...(point.dataset === undefined ? {} : { dataset_name: point.dataset.name, dataset_digest: point.dataset.digest }),
  ...(run === undefined ? {} : { run_id: run }),
});

/** An experiment as the runs in it need it. */
export type RunsHome = { location: string; isDeleted: boolean };

export const homeOf = (experiment: ExperimentDocument): RunsHome => ({
  location: locationOf(experiment),
  isDeleted: experiment.status === "deleted",
});

/** With an experiment its runs are deleted, too. */
export const runInfo = (run: RunDocument, { location, isDeleted }: RunsHome) => ({
  run_uuid: run.id,
  run_id: run.id,
  run_name: run.name,
  experiment_id: run.experiment,
  user_id: run.user,
  status: run.status,
  start_time: run.startTime,
  ...(run.endTime === null ? {} : { end_time: run.endTime }),
  artifact_uri: runRoot(location, run.id),
  lifecycle_stage: isDeleted ? "deleted" : run.lifecycle,
});

export const runAnswer = (run: RunDocument, home: RunsHome, metrics: readonly MetricPoint[]) => ({
  info: runInfo(run, home),
  data: withoutEmptyLists({
    metrics: metrics.map((point) => metricAnswer(point)),
    params: pairs(run.params),
    tags: pairs(run.tags),
  }),
  inputs: withoutEmptyLists({
    dataset_inputs: run.inputs.datasets.map(({ sourceType, tags, schema, profile, ...dataset }) =>
      withoutEmptyLists({
        tags: pairs(tags),
        dataset: {
          ...dataset,
          source_type: sourceType,
          ...(schema === null ? {} : { schema }),
          ...(profile === null ? {} : { profile }),
        },
      }),
    ),
    model_inputs: run.inputs.models.map((model_id) => ({ model_id })),
  }),
  outputs: withoutEmptyLists({
    model_outputs: run.outputs.map(({ model, step }) => ({ model_id: model, step })),
  }),
});

const statuses = {
  PENDING: "LOGGED_MODEL_PENDING",
  READY: "LOGGED_MODEL_READY",
  UPLOAD_FAILED: "LOGGED_MODEL_UPLOAD_FAILED",
} as const;

export const modelStatus = (status: LoggedModelDocument["status"]) => statuses[status];
