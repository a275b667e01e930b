import { randomUUID } from "node:crypto";
import { z } from "zod";
import { NAME_TAG } from "../../../commands/run/decider.ts";
import { runIdFrom } from "../../../commands/tracking.ts";
import type { ExperimentDocument } from "../../../projections/documents/types.ts";
import { MillraceError } from "../../../schemas/errors.ts";
import { homeOf, runAnswer, runInfo, withoutEmptyLists } from "./answers.ts";
import { experimentOf, type MlflowContext, runOf } from "./context.ts";
import type { Routes } from "./door.ts";
import * as fields from "./fields.ts";
import { withLoggedModel } from "./model-history.ts";

/** `run_uuid` is what clients of MLflow before 1.0 call it. */
const named = z.object({ run_id: z.string().optional(), run_uuid: z.string().optional() });

export const runIdOf = ({ run_id, run_uuid }: z.output<typeof named>): string => {
  const id = run_id || run_uuid;
  if (id !== undefined && id !== "") return id;
  throw new MillraceError("BAD_REQUEST", "run_id: missing");
};

export const oneRun = named;

const answerOf = async (context: MlflowContext, id: string) => {
  const run = await runOf(context, id);
  const [experiment, metrics] = await Promise.all([
    experimentOf(context, run.experiment),
    context.deps.tracking.latestMetrics(context.project, [id]),
  ]);
  return { run: runAnswer(run, homeOf(experiment), metrics.get(id) ?? []) };
};

const infoOf = async (context: MlflowContext, id: string) => {
  const run = await runOf(context, id);
  return { run_info: runInfo(run, homeOf(await experimentOf(context, run.experiment))) };
};

const createInput = z.object({
  experiment_id: fields.experimentId.default("0"),
  run_name: fields.text,
  user_id: fields.text,
  start_time: fields.whole.optional(),
  tags: fields.keyValues(100, { twice: "the last" }),
});

const statuses = ["RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"] as const;

/** By name, or by its number in protobuf, which begins with 1. */
const status = z.preprocess(
  (given) => (typeof given === "number" ? (statuses[given - 1] ?? given) : given),
  z.enum(statuses),
);

const datasetInput = z.object({
  tags: fields.keyValues(100),
  dataset: z.object({
    name: z.string(),
    digest: z.string(),
    source_type: z.string(),
    source: z.string(),
    schema: z.string().optional(),
    profile: z.string().optional(),
  }),
});

/** Those of these experiments that are there. */
const experimentsOf = async ({ deps, project }: MlflowContext, ids: readonly string[]) => {
  const found = await deps.documents.getMany("experiments", project, [...new Set(ids)]);
  return new Map(found.map((one) => [one.id, one]));
};

/** Schemas of datasets and their profiles, of 16 MB each, travel with them. */
const INPUTS_LIMIT = 32 << 20;

/** `runs/*` but for their metrics. */
export const runs: Routes = (route) => {
  route("POST", "runs/create", createInput, async (input, context) => {
    const id = runIdFrom(randomUUID());
    const { tags } = input;
    await context.dispatch("CreateRun", {
      ...{ id, experiment: input.experiment_id, tags },
      name: input.run_name || tags[NAME_TAG] || `run-${id.slice(0, 8)}`,
      user: input.user_id || tags["mlflow.user"] || "",
      startTime: input.start_time || context.deps.clock(),
    });
    const { outputs: _, ...run } = (await answerOf(context, id)).run;
    return { run };
  });

  route("GET", "runs/get", named, (input, context) => answerOf(context, runIdOf(input)));

  const update = named.extend({
    status: status.optional(),
    end_time: fields.whole.optional(),
    run_name: z.string().optional(),
  });
  route("POST", "runs/update", update, async (input, context) => {
    const id = runIdOf(input);
    const { status, end_time: endTime, run_name: name } = input;
    await context.dispatch("UpdateRun", { id, status, endTime, ...(name ? { name } : {}) });
    return infoOf(context, id);
  });

  route("POST", "runs/delete", named, async (input, { dispatch }) => {
    await dispatch("DeleteRun", { id: runIdOf(input) });
    return {};
  });
  route("POST", "runs/restore", named, async (input, { dispatch }) => {
    await dispatch("RestoreRun", { id: runIdOf(input) });
    return {};
  });

  const keyed = named.extend({ key: z.string() });
  route("POST", "runs/log-parameter", keyed.extend({ value: fields.text }), async (input, { dispatch }) => {
    await dispatch("LogRunBatch", { id: runIdOf(input), params: { [input.key]: input.value } });
    return {};
  });
  route("POST", "runs/set-tag", keyed.extend({ value: fields.text }), async (input, { dispatch }) => {
    await dispatch("LogRunBatch", { id: runIdOf(input), tags: { [input.key]: input.value } });
    return {};
  });
  route("POST", "runs/delete-tag", keyed, async (input, context) => {
    const id = runIdOf(input);
    const run = await context.states.run(context.project, id);
    if (run !== null && !run.deleted && !run.tags.has(input.key)) {
      throw new MillraceError("NOT_FOUND", `No tag with name: ${input.key} in run with id ${id}`);
    }
    await context.dispatch("DeleteRunTag", { id, key: input.key });
    return {};
  });

  const inputs = named.extend({
    datasets: z.array(datasetInput).default([]),
    models: z.array(z.object({ model_id: z.string() })).default([]),
  });
  const logInputs = async (input: z.output<typeof inputs>, { dispatch }: MlflowContext) => {
    const datasets = input.datasets.map(({ tags, dataset: { source_type: sourceType, schema, profile, ...said } }) => ({
      ...{ ...said, sourceType, tags, schema: schema ?? null, profile: profile ?? null },
    }));
    await dispatch("LogRunInputs", { id: runIdOf(input), datasets, models: input.models.map((one) => one.model_id) });
    return {};
  };
  route("POST", "runs/log-inputs", inputs, logInputs, INPUTS_LIMIT);

  const outputs = named.extend({ models: z.array(z.object({ model_id: z.string(), step: fields.whole.default(0) })) });
  route("POST", "runs/outputs", outputs, async (input, { dispatch }) => {
    const models = input.models.map(({ model_id: model, step }) => ({ model, step }));
    if (models.length > 0) await dispatch("LogRunOutputs", { id: runIdOf(input), models });
    return {};
  });

  route("POST", "runs/log-model", named.extend({ model_json: z.string() }), async (input, context) => {
    const id = runIdOf(input);
    const run = await context.states.run(context.project, id);
    await context.dispatch("LogRunBatch", { id, tags: withLoggedModel(run?.tags ?? new Map(), input.model_json) });
    return {};
  });

  const search = z.object({
    experiment_ids: fields.texts,
    filter: z.string().optional(),
    run_view_type: fields.view,
    max_results: fields.maxResults(1000, 50_000),
    order_by: fields.texts,
    page_token: fields.token,
  });
  route("POST", "runs/search", search, async (input, context) => {
    const experiments = await experimentsOf(context, input.experiment_ids);
    const deleted = [...experiments.values()].filter((one) => one.status === "deleted").map(({ id }) => id);
    const { runs: found, next } = await context.deps.tracking.searchRuns(context.project, {
      experiments: [...experiments.keys()],
      deletedExperiments: deleted,
      filter: input.filter,
      orderBy: input.order_by,
      view: input.run_view_type,
      first: input.max_results,
      after: input.page_token,
    });
    return withoutEmptyLists({
      runs: found.map(({ run, metrics }) =>
        runAnswer(run, homeOf(experiments.get(run.experiment) as ExperimentDocument), metrics),
      ),
      next_page_token: next ?? undefined,
    });
  });
};
