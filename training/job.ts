import { platformState } from "../commands/references/platform-state.ts";
import type { Artifacts } from "../infra/artifacts/port.ts";
import type { Broker } from "../infra/broker/port.ts";
import type { EventStore } from "../infra/event-store/port.ts";
import type { SchemaRegistry } from "../infra/schema-registry/port.ts";
import { type BoostedTrees, type TrainingMatrix, trainBoosting } from "../ml/boosting/train.ts";
import { buildProfile, encodeProfile } from "../ml/drift/profile.ts";
import { exportBoosting } from "../ml/onnx/export.ts";
import { openScorer } from "../ml/onnx/session.ts";
import { MillraceError } from "../schemas/errors.ts";
import type { Lineage, ServableVersion } from "../schemas/lifecycle/model.ts";
import type { TrainingSpec } from "../schemas/lifecycle/training-job.ts";
import { streamsCaughtUp } from "./caught-up.ts";
import { buildTrainingSet, type TrainingSet } from "./dataset.ts";
import { evaluate } from "./evaluate.ts";
import { planTraining, type TrainingPlan } from "./plan.ts";

export type TrainingJob = { id: string; project: string; spec: TrainingSpec };

/** What a model version is made of; its number and signature come from the registry of models. */
export type TrainedModel = Pick<ServableVersion, "artifact" | "size" | "task" | "columns" | "metrics" | "lineage"> & {
  profile: string;
  rows: number;
};

export type JobProgress = { phase: string; done: number; total: number; message: string };

export type JobPorts = { eventStore: EventStore; broker: Broker; registry: SchemaRegistry; artifacts: Artifacts };

export type JobOptions = JobPorts & {
  /** Trainer threads; the model does not depend on it. */
  workers: number;
  onProgress: (progress: JobProgress) => void;
  signal?: AbortSignal;
};

/**
 * Runs one training job to a stored model: training set, boosting with the newest share held out, ONNX, metrics of the
 * ONNX model on what was held out, reference profile. Nothing is registered here. TRAINING_FAILED says what is wrong.
 */
export const runTrainingJob = async (job: TrainingJob, options: JobOptions): Promise<TrainedModel> => {
  const { spec } = job;
  const report = (phase: string, done: number, total: number, message: string): void =>
    options.onProgress({ phase, done, total, message });
  const plan = planTraining(await platformState(options.eventStore).now(), job.project, spec);
  await streamsCaughtUp(options.broker, plan, options.signal, (behind) =>
    report("waiting", 0, 0, `The streams have ${behind} records to take before the history is whole.`),
  );
  const set = await buildTrainingSet({
    broker: options.broker,
    registry: options.registry,
    plan,
    signal: options.signal,
    onProgress: (done, total) => report("dataset", done, total, `${done} records folded`),
  });
  const { train, validation } = split(set.matrix, spec.parameters.validationShare);
  const model = await trainBoosting(train, validation, spec.parameters, {
    task: spec.task,
    workers: options.workers,
    signal: options.signal,
    onProgress: ({ tree, trainLoss, validationLoss }) =>
      report("training", tree, spec.parameters.trees, lossText(trainLoss, validationLoss)),
  });
  report("storing", 0, 1, "Writing the model and its reference profile.");
  const stored = await store(job, plan, set, validation, model, options.artifacts);
  if (spec.evaluation == null) return stored;
  const later = await buildTrainingSet({
    broker: options.broker,
    registry: options.registry,
    plan: { ...plan, spec: { ...spec, ...spec.evaluation } },
    signal: options.signal,
    onProgress: (done, total) => report("evaluation", done, total, `${done} records folded`),
  });
  return { ...stored, metrics: { ...stored.metrics, ...(await evaluateLater(spec, model, later.matrix)) } };
};

const evaluateLater = async (
  { task }: TrainingSpec,
  model: BoostedTrees,
  matrix: TrainingMatrix,
): Promise<Record<string, number>> => {
  const scorer = await openScorer(exportBoosting(model, matrix.columns));
  try {
    const metrics = evaluate(task, await scorer.score(matrix.values, matrix.rows), matrix.labels);
    const named = Object.entries({ ...metrics, rows: matrix.rows });
    return Object.fromEntries(named.map(([name, value]) => [`evaluation.${name}`, value]));
  } finally {
    await scorer.close();
  }
};

/** The newest share is held out, at least one row on either side. Both are views of the same memory. */
const split = (matrix: TrainingMatrix, share: number): { train: TrainingMatrix; validation: TrainingMatrix } => {
  if (matrix.rows < 2) throw new MillraceError("TRAINING_FAILED", "One labelled row is too few to learn from.");
  const at = Math.min(matrix.rows - 1, Math.max(1, Math.round(matrix.rows * (1 - share))));
  return { train: slice(matrix, 0, at), validation: slice(matrix, at, matrix.rows) };
};

const slice = ({ columns, values, labels }: TrainingMatrix, from: number, to: number): TrainingMatrix => ({
  rows: to - from,
  columns,
  values: values.subarray(from * columns.length, to * columns.length),
  labels: labels.subarray(from, to),
});

const lossText = (train: number, validation: number | null): string =>
  validation === null
    ? `loss ${train.toFixed(5)}`
    : `loss ${train.toFixed(5)}, on what is held out ${validation.toFixed(5)}`;

const store = async (
  job: TrainingJob,
  plan: TrainingPlan,
  set: TrainingSet,
  validation: TrainingMatrix,
  model: BoostedTrees,
  artifacts: Artifacts,
): Promise<TrainedModel> => {
  const { matrix } = set;
  const onnx = exportBoosting(model, matrix.columns, { "millrace.training_job": `${job.project}/${job.id}` });
  const scorer = await openScorer(onnx);
  try {
    const outputs = await scorer.score(matrix.values, matrix.rows);
    const profile = encodeProfile(buildProfile(matrix, outputs));
    const artifact = await artifacts.put(onnx);
    const metrics = evaluate(job.spec.task, outputs.subarray(matrix.rows - validation.rows), validation.labels);
    return {
      artifact: artifact.digest,
      size: artifact.size,
      task: job.spec.task,
      columns: matrix.columns,
      metrics: {
        ...metrics,
        validationRows: validation.rows,
        trees: model.bestIteration,
        ...(set.unread > 0 ? { unreadRecords: set.unread } : {}),
      },
      profile: (await artifacts.put(profile)).digest,
      rows: matrix.rows,
      lineage: lineageOf(job, plan, set),
    };
  } finally {
    await scorer.close();
  }
};

const lineageOf = (job: TrainingJob, plan: TrainingPlan, set: TrainingSet): Lineage => ({
  trainingJob: job.id,
  from: job.spec.from,
  to: job.spec.to,
  rows: set.matrix.rows,
  sources: plan.sources.map(({ name }) => name),
  views: plan.columns.views.map(({ view, version }) => ({ view, version })),
  positions: set.positions,
  code: null,
  run: null,
  datasets: [],
});
