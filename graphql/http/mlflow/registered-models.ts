import { z } from "zod";
import { modelFinder } from "../../../commands/references/model-names.ts";
import { MillraceError } from "../../../schemas/errors.ts";
import { withoutEmptyLists } from "./answers.ts";
import type { MlflowContext, Routes } from "./door.ts";
import { texts } from "./fields.ts";
import { latestOf, modelVersionAnswer, registeredModelAnswer } from "./registry-answers.ts";
import * as fields from "./registry-fields.ts";
import { registryReads } from "./registry-reads.ts";
import { modelValues, searchPage } from "./registry-search.ts";

const { name } = fields;
const alias = z.string();
const description = z.string().default("");

const taken = (name: string): MillraceError =>
  new MillraceError("ALREADY_EXISTS", `Registered Model (name=${name}) already exists.`);

const readsOf = ({ deps, project }: MlflowContext) => registryReads(deps, project);

const answerOf = async (context: MlflowContext, id: string) => {
  const reads = readsOf(context);
  const model = await reads.model(id);
  return { registered_model: registeredModelAnswer(model, await reads.versionsOf(model)) };
};

const idOf = async (context: MlflowContext, name: string): Promise<string> => (await readsOf(context).model(name)).id;

/** `registered-models/*`. */
export const registeredModels: Routes = (route) => {
  route(
    "POST",
    "registered-models/create",
    z.object({ name, description, tags: fields.tags }),
    async (input, context) => {
      const { name: wanted, description: about } = input;
      const names = modelFinder(context.deps.eventStore);
      if ((await names.find(context.project, wanted)) !== null) throw taken(wanted);
      const id = await names.newId(context.project, wanted);
      const { events } = await context.dispatch("RegisterModel", { id, name: wanted, description: about });
      if (events.length === 0) throw taken(wanted);
      for (const { key, value } of input.tags) await context.dispatch("SetModelTag", { model: id, key, value });
      return answerOf(context, wanted);
    },
  );

  route("GET", "registered-models/get", z.object({ name }), (input, context) => answerOf(context, input.name));

  route("POST", "registered-models/rename", z.object({ name, new_name: name }), async (input, context) => {
    await context.dispatch("RenameModel", { model: await idOf(context, input.name), name: input.new_name });
    return answerOf(context, input.new_name);
  });

  route("PATCH", "registered-models/update", z.object({ name, description }), async (input, context) => {
    await context.dispatch("DescribeModel", { model: await idOf(context, input.name), description: input.description });
    return answerOf(context, input.name);
  });

  route("DELETE", "registered-models/delete", z.object({ name }), async (input, context) => {
    await context.dispatch("ArchiveModel", { model: await idOf(context, input.name) });
    return {};
  });

  route("GET", "registered-models/search", fields.search(100, 1000), async (input, context) => {
    const reads = readsOf(context);
    const { page, next } = searchPage("registeredModels", await reads.models(), modelValues, input, ["name ASC"]);
    const found = page.map(async (model) => registeredModelAnswer(model, await reads.versionsOf(model)));
    return withoutEmptyLists({ registered_models: await Promise.all(found), next_page_token: next });
  });

  const latestInput = z.object({ name, stages: texts.pipe(z.array(fields.stage)) });
  const latest = async (input: z.output<typeof latestInput>, context: MlflowContext) => {
    const reads = readsOf(context);
    const model = await reads.model(input.name);
    const versions = latestOf(await reads.versionsOf(model), input.stages);
    return withoutEmptyLists({ model_versions: versions.map((version) => modelVersionAnswer({ model, version })) });
  };
  route("GET", "registered-models/get-latest-versions", latestInput, latest);
  route("POST", "registered-models/get-latest-versions", latestInput, latest);

  const tagInput = z.object({ name, key: z.string(), value: z.string().default("") });
  route("POST", "registered-models/set-tag", tagInput, async (input, context) => {
    await context.dispatch("SetModelTag", {
      model: await idOf(context, input.name),
      key: input.key,
      value: input.value,
    });
    return {};
  });
  route("DELETE", "registered-models/delete-tag", tagInput.omit({ value: true }), async (input, context) => {
    await context.dispatch("RemoveModelTag", { model: await idOf(context, input.name), key: input.key });
    return {};
  });

  const aliasInput = z.object({ name, alias });
  route("POST", "registered-models/alias", aliasInput.extend({ version: fields.version }), async (input, context) => {
    await context.dispatch("SetModelAlias", {
      model: await idOf(context, input.name),
      alias: input.alias,
      version: input.version,
    });
    return {};
  });
  route("DELETE", "registered-models/alias", aliasInput, async (input, context) => {
    await context.dispatch("RemoveModelAlias", { model: await idOf(context, input.name), alias: input.alias });
    return {};
  });
  route("GET", "registered-models/alias", aliasInput, async (input, context) => {
    const reads = readsOf(context);
    const model = await reads.model(input.name);
    const found = model.aliases.find((known) => known.alias === input.alias);
    if (found === undefined) {
      throw new MillraceError("BAD_REQUEST", `Registered model alias ${input.alias} not found.`);
    }
    return { model_version: modelVersionAnswer(await reads.version(input.name, found.version)) };
  });
};
