import { z } from "zod";
import type { Run } from "../../../commands/run/decider.ts";
import type { MetricPoint } from "../../../projections/tracking/index.ts";
import { MillraceError } from "../../../schemas/errors.ts";
import { metricAnswer, withoutEmptyLists } from "./answers.ts";
import { experimentOf, type MlflowContext, runOf } from "./context.ts";
import type { Routes } from "./door.ts";
import * as fields from "./fields.ts";
import { oneRun, runIdOf } from "./runs.ts";

const metric = z.object({
  key: z.string(),
  value: fields.double,
  timestamp: fields.whole,
  step: fields.whole.default(0),
  model_id: z.string().optional(),
  dataset_name: z.string().optional(),
  dataset_digest: z.string().optional(),
});

const pointOf = (input: z.output<typeof metric>): MetricPoint => {
  const { key, value, timestamp, step, model_id: model, dataset_name: name, dataset_digest: digest } = input;
  return {
    ...{ key, value, timestamp, step },
    ...(model ? { model } : {}),
    ...(name && digest ? { dataset: { name, digest } } : {}),
  };
};

/** NOT_FOUND; ILLEGAL_STATE for one that is deleted, by itself or with its experiment. */
const activeRun = async (context: MlflowContext, id: string): Promise<Run> => {
  const run = await context.states.run(context.project, id);
  if (run === null) throw new MillraceError("NOT_FOUND", `Run with id=${id} not found`);
  const { status } = await experimentOf(context, run.experiment);
  if (!run.deleted && status === "active") return run;
  throw new MillraceError(
    "ILLEGAL_STATE",
    `The run ${id} must be in the 'active' state; it is deleted, or its experiment is: restore it first`,
  );
};

const log = async (context: MlflowContext, id: string, points: readonly MetricPoint[]): Promise<void> => {
  await context.deps.gate.authorize(context.actor, "LogMetrics", context.project);
  const { experiment } = await activeRun(context, id);
  await context.deps.tracking.logMetrics(context.project, { run: id, experiment }, points);
};

const MOST_AT_ONCE = 1000;

const batch = oneRun.extend({
  metrics: z.array(metric).max(MOST_AT_ONCE, `expected at most ${MOST_AT_ONCE} at once`).default([]),
  params: fields.keyValues(100),
  tags: fields.keyValues(100, { twice: "the last" }),
});

/** What `metrics/get-history` answers at once where it is not asked for less. */
const MOST_OF_HISTORY = 25_000;

/** Metrics of runs: points are no lifecycle, they go through a topic. */
export const metrics: Routes = (route) => {
  route("POST", "runs/log-metric", oneRun.extend(metric.shape), async (input, context) => {
    await log(context, runIdOf(input), [pointOf(input)]);
    return {};
  });

  route("POST", "runs/log-batch", batch, async (input, context) => {
    const id = runIdOf(input);
    const { params, tags } = input;
    const count = input.metrics.length + Object.keys(params).length + Object.keys(tags).length;
    if (count > MOST_AT_ONCE) {
      throw new MillraceError(
        "BAD_REQUEST",
        `expected at most ${MOST_AT_ONCE} metrics, params and tags at once, got ${count}`,
      );
    }
    if (Object.keys(params).length + Object.keys(tags).length > 0)
      await context.dispatch("LogRunBatch", { id, params, tags });
    await log(context, id, input.metrics.map(pointOf));
    return {};
  });

  const history = oneRun.extend({
    metric_key: z.string(),
    max_results: fields.maxResults(MOST_OF_HISTORY, MOST_OF_HISTORY),
    page_token: fields.token,
  });
  route("GET", "metrics/get-history", history, async (input, context) => {
    const { id } = await runOf(context, runIdOf(input));
    const { points, next } = await context.deps.tracking.metricHistory(context.project, id, input.metric_key, {
      first: input.max_results,
      after: input.page_token,
    });
    return withoutEmptyLists({
      metrics: points.map((point) => metricAnswer(point)),
      next_page_token: next ?? undefined,
    });
  });
};
