import { z } from "zod";
import { experimentFinder } from "../../../commands/references/experiment-names.ts";
import type { ExperimentDocument } from "../../../projections/documents/types.ts";
import type { Values } from "../../../projections/tracking/index.ts";
import { MillraceError } from "../../../schemas/errors.ts";
import { experimentAnswer, locationOf, withoutEmptyLists } from "./answers.ts";
import { experimentOf, type MlflowContext } from "./context.ts";
import type { Routes } from "./door.ts";
import * as fields from "./fields.ts";
import { everyDocument, oneValue, ownValue, searchList } from "./lists.ts";

/** Where the artifacts of an experiment are. */
export const experimentLocation = async (context: MlflowContext, id: string): Promise<string> =>
  locationOf(await experimentOf(context, id));

const valuesOf = (experiment: ExperimentDocument): Values => {
  const { id, name, createdAt, updatedAt, tags } = experiment;
  const attributes: Record<string, string | number> = {
    ...{ name, experiment_id: id, creation_time: createdAt, last_update_time: updatedAt },
  };
  return ({ entity, key }) => (entity === "tag" ? ownValue(tags, key) : oneValue(attributes[key]));
};

const one = z.object({ experiment_id: fields.experimentId });
const tag = one.extend({ key: z.string() });

const searchInput = z.object({
  filter: z.string().optional(),
  order_by: fields.texts,
  max_results: fields.maxResults(1000, 50_000),
  page_token: fields.token,
  view_type: fields.view,
});

const search = async (input: z.output<typeof searchInput>, { deps, project }: MlflowContext) => {
  const all = await everyDocument(deps.documents, "experiments", project);
  const seen = all.filter(({ status }) => input.view_type === "all" || status === input.view_type);
  const usual = ["creation_time DESC", "experiment_id ASC"];
  const { page, next } = searchList("experiments", seen, valuesOf, input, usual);
  return withoutEmptyLists({ experiments: page.map(experimentAnswer), next_page_token: next });
};

/** `experiments/*`. */
export const experiments: Routes = (route) => {
  const createInput = z.object({
    name: z.string(),
    artifact_location: z.string().optional(),
    tags: fields.keyValues(100),
  });
  route("POST", "experiments/create", createInput, async ({ name, artifact_location, tags }, { dispatch }) => {
    const { id, events } = await dispatch("CreateExperiment", {
      ...{ name, artifactLocation: artifact_location || null, tags },
    });
    if (events.length === 0) {
      throw new MillraceError("ALREADY_EXISTS", `Experiment(name=${name}) already exists.`);
    }
    return { experiment_id: id };
  });

  route("GET", "experiments/get", one, async ({ experiment_id }, context) => ({
    experiment: experimentAnswer(await experimentOf(context, experiment_id)),
  }));

  const named = z.object({ experiment_name: z.string() });
  route("GET", "experiments/get-by-name", named, async ({ experiment_name: name }, context) => {
    const id = await experimentFinder(context.deps.eventStore)(context.project, name);
    const found = id === null ? null : await context.deps.documents.get("experiments", context.project, id);
    if (found !== null) return { experiment: experimentAnswer(found) };
    throw new MillraceError("NOT_FOUND", `Could not find experiment with name '${name}'`);
  });

  route("POST", "experiments/search", searchInput, search);
  route("GET", "experiments/search", searchInput, search);

  const changing = async (context: MlflowContext, type: "DeleteExperiment" | "RestoreExperiment", id: string) => {
    const { events } = await context.dispatch(type, { id });
    if (events.length > 0) return {};
    const state = type === "DeleteExperiment" ? "active" : "deleted";
    throw new MillraceError("NOT_FOUND", `No ${state} Experiment with id=${id} exists`);
  };
  route("POST", "experiments/delete", one, ({ experiment_id: id }, context) =>
    changing(context, "DeleteExperiment", id),
  );
  route("POST", "experiments/restore", one, ({ experiment_id: id }, context) =>
    changing(context, "RestoreExperiment", id),
  );
  route("POST", "experiments/update", one.extend({ new_name: z.string() }), async (input, { dispatch }) => {
    await dispatch("RenameExperiment", { id: input.experiment_id, name: input.new_name });
    return {};
  });
  route("POST", "experiments/set-experiment-tag", tag.extend({ value: fields.text }), async (input, { dispatch }) => {
    await dispatch("SetExperimentTag", { id: input.experiment_id, key: input.key, value: input.value });
    return {};
  });
  route("POST", "experiments/delete-experiment-tag", tag, async (input, { dispatch }) => {
    const { experiment_id: id, key } = input;
    const { events } = await dispatch("DeleteExperimentTag", { id, key });
    if (events.length > 0) return {};
    throw new MillraceError("NOT_FOUND", `No tag with name: ${key} in experiment with id ${id}`);
  });
};
