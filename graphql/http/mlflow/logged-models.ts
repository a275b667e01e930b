import { randomUUID } from "node:crypto";
import { z } from "zod";
import { loggedModelIdFrom } from "../../../commands/tracking.ts";
import type { LoggedModelDocument } from "../../../projections/documents/types.ts";
import type { ModelMetric } from "../../../projections/tracking/index.ts";
import { MillraceError } from "../../../schemas/errors.ts";
import { metricAnswer, modelRoot, modelStatus, pairs, withoutEmptyLists } from "./answers.ts";
import { entriesAt } from "./artifact-index.ts";
import { artifactFolder, entryAnswer } from "./artifact-list.ts";
import type { MlflowContext } from "./context.ts";
import type { Routes } from "./door.ts";
import { experimentLocation } from "./experiments.ts";
import * as fields from "./fields.ts";
import { everyDocument } from "./lists.ts";
import { searchLoggedModels } from "./logged-model-search.ts";
import { withoutTrailingSlashes } from "./slashes.ts";

const modelOf = async (
  { deps, project }: MlflowContext,
  id: string,
  allowDeleted = false,
): Promise<LoggedModelDocument> => {
  const found = await deps.documents.get("loggedModels", project, id);
  if (found !== null && (allowDeleted || found.lifecycle === "active")) return found;
  throw new MillraceError("NOT_FOUND", `Logged model with ID '${id}' not found.`);
};

const answerOf = async (context: MlflowContext, model: LoggedModelDocument, metrics: readonly ModelMetric[]) => ({
  info: withoutEmptyLists({
    model_id: model.id,
    experiment_id: model.experiment,
    name: model.name,
    creation_timestamp_ms: model.createdAt,
    last_updated_timestamp_ms: model.updatedAt,
    artifact_uri: modelRoot(await experimentLocation(context, model.experiment), model.id),
    status: modelStatus(model.status),
    model_type: model.modelType ?? "",
    source_run_id: model.run ?? "",
    tags: pairs(model.tags),
  }),
  data: withoutEmptyLists({
    params: pairs(model.params),
    metrics: metrics.map(({ run, dataset, ...point }) =>
      metricAnswer({ ...point, ...(dataset === null ? {} : { dataset }) }, run),
    ),
  }),
});

const shown = async (context: MlflowContext, id: string, allowDeleted?: boolean) => {
  const model = await modelOf(context, id, allowDeleted);
  const metrics = await context.deps.tracking.modelMetrics(context.project, [id]);
  return { model: await answerOf(context, model, metrics.get(id) ?? []) };
};

const one = z.object({ model_id: z.string() });

const statuses = { READY: "READY", UPLOAD_FAILED: "UPLOAD_FAILED" } as const;
const finalStatus = z
  .string()
  .transform((given) => given.replace("LOGGED_MODEL_", ""))
  .pipe(z.enum(statuses));

const chosenDataset = z.object({ dataset_name: z.string().optional(), dataset_digest: z.string().optional() });

const searchInput = z.object({
  experiment_ids: z.array(fields.experimentId).min(1, "expected at least one"),
  filter: z.string().optional(),
  datasets: z.array(chosenDataset).default([]),
  max_results: fields.maxResults(100, 50_000),
  order_by: z.array(chosenDataset.extend({ field_name: z.string(), ascending: z.boolean().default(true) })).default([]),
  page_token: fields.token,
});

/** `logged-models/*`: models that runs have logged, of MLflow 3. */
export const loggedModels: Routes = (route) => {
  const create = z.object({
    experiment_id: fields.experimentId,
    name: fields.text,
    model_type: z.string().optional(),
    source_run_id: z.string().optional(),
    params: fields.keyValues(100),
    tags: fields.keyValues(100),
  });
  route("POST", "logged-models", create, async (input, context) => {
    const id = loggedModelIdFrom(randomUUID());
    const { params, tags } = input;
    await context.dispatch("CreateLoggedModel", {
      ...{ id, experiment: input.experiment_id, params, tags },
      name: input.name || `model-${id.slice(2, 10)}`,
      run: input.source_run_id || null,
      modelType: input.model_type || null,
    });
    return shown(context, id);
  });

  route("POST", "logged-models/search", searchInput, async (input, context) => {
    const { deps, project } = context;
    const lists = input.experiment_ids.map((id) => everyDocument(deps.documents, "loggedModels", project, id));
    const models = (await Promise.all(lists)).flat().filter(({ lifecycle }) => lifecycle === "active");
    const metricsOf = (ids: readonly string[], keys?: readonly string[]) =>
      deps.tracking.modelMetrics(project, ids, keys);
    const { page, next } = await searchLoggedModels(models, input, metricsOf);
    const metrics = await metricsOf(page.map(({ id }) => id));
    return withoutEmptyLists({
      models: await Promise.all(page.map((model) => answerOf(context, model, metrics.get(model.id) ?? []))),
      next_page_token: next,
    });
  });

  const get = one.extend({ allow_deleted: z.union([z.boolean(), z.stringbool()]).default(false) });
  route("GET", "logged-models/:model_id", get, (input, context) => shown(context, input.model_id, input.allow_deleted));

  route("PATCH", "logged-models/:model_id", one.extend({ status: finalStatus }), async (input, context) => {
    await context.dispatch("FinalizeLoggedModel", { id: input.model_id, status: input.status });
    return shown(context, input.model_id);
  });

  route("DELETE", "logged-models/:model_id", one, async ({ model_id: id }, { dispatch }) => {
    await dispatch("DeleteLoggedModel", { id });
    return {};
  });

  route(
    "POST",
    "logged-models/:model_id/params",
    one.extend({ params: fields.keyValues(100) }),
    async (input, context) => {
      await context.dispatch("LogLoggedModelParams", { id: input.model_id, params: input.params });
      return {};
    },
  );

  route(
    "PATCH",
    "logged-models/:model_id/tags",
    one.extend({ tags: fields.keyValues(100) }),
    async (input, context) => {
      await context.dispatch("SetLoggedModelTags", { id: input.model_id, tags: input.tags });
      return {};
    },
  );

  route(
    "DELETE",
    "logged-models/:model_id/tags/:tag_key",
    one.extend({ tag_key: z.string() }),
    async (input, context) => {
      const { model_id: id, tag_key: key } = input;
      const { events } = await context.dispatch("DeleteLoggedModelTag", { id, key });
      if (events.length > 0) return {};
      throw new MillraceError("NOT_FOUND", `No tag with key '${key}' found for model with ID '${id}'.`);
    },
  );

  const list = one.extend(artifactFolder.shape);
  route("GET", "logged-models/:model_id/artifacts/directories", list, async (input, context) => {
    const model = await modelOf(context, input.model_id, true);
    const folder = withoutTrailingSlashes(input.artifact_directory_path);
    const files = await context.files.filesOf(context.project, { kind: "logged-model", id: model.id });
    return {
      root_uri: modelRoot(await experimentLocation(context, model.experiment), model.id),
      files: entriesAt(files, folder).map(entryAnswer),
    };
  });
};
