import { z } from "zod";
import { isMillraceError, MillraceError } from "../../../schemas/errors.ts";
import { withoutEmptyLists } from "./answers.ts";
import type { MlflowContext, Routes } from "./door.ts";
import { checkSource, downloadUri, findOnnx, runOfSource } from "./model-source.ts";
import { modelVersionAnswer, NOT_SERVED_TAG } from "./registry-answers.ts";
import * as fields from "./registry-fields.ts";
import { registryReads } from "./registry-reads.ts";
import { searchPage, versionValues } from "./registry-search.ts";

const { name, version } = fields;

const readsOf = ({ deps, project }: MlflowContext) => registryReads(deps, project);

/** The model of a name: what commands call it by. NOT_FOUND. */
const idOf = async (context: MlflowContext, name: string): Promise<string> => (await readsOf(context).model(name)).id;

const answerOf = async (context: MlflowContext, model: string, number: number) => ({
  model_version: modelVersionAnswer(await readsOf(context).version(model, number)),
});

const APPROVAL = "Registered through MLflow, where no policy guards Production";

/**
 * With no policy a new version can be deployed at once; who may not approve leaves it pending, as does everybody a
 * version of a source that somebody has rejected.
 */
const approveUnguarded = async (context: MlflowContext, name: string, number: number): Promise<void> => {
  const { version: found, model: of } = await readsOf(context).version(name, number);
  if (found.status !== "pending") return;
  const policy = await context.deps.documents.get("policies", context.project, "Production");
  if (policy?.status === "active") return;
  const others = await readsOf(context).versionsOf(of);
  if (others.some(({ status, source }) => status === "rejected" && source === found.source)) return;
  try {
    await context.dispatch("ApproveModelVersion", { model: of.id, version: number, comment: APPROVAL });
  } catch (error) {
    if (!isMillraceError(error, "FORBIDDEN")) throw error;
  }
};

const createInput = z.object({
  name,
  source: z.string().min(1),
  run_id: z.string().optional(),
  description: z.string().default(""),
  tags: fields.tags,
});
type CreateInput = z.output<typeof createInput>;

/** Why an ONNX file is registered as a model that is not served. */
const reasonOf = (error: unknown): string | null =>
  isMillraceError(error, "INVALID_MODEL") ||
  isMillraceError(error, "SIGNATURE_MISMATCH") ||
  (isMillraceError(error, "BAD_REQUEST") && /^(task|columns):/.test(error.message))
    ? error.message
    : null;

/** As ONNX where the source has a file that we serve; as another format, saying why not, where it has none. */
const createVersion = async (context: MlflowContext, model: string, { source, run_id }: CreateInput) => {
  checkSource(source);
  const run = run_id || (await runOfSource(context, source));
  const isKnown = run !== null && (await context.states.run(context.project, run)) !== null;
  const said = { model, source, reuse: false, ...(isKnown ? { run } : { foreignRun: run }) };
  const found = await findOnnx(context, source);
  if (found === null) {
    return { ...(await context.dispatch("CreateModelVersion", { ...said, format: "other" })), reason: null };
  }
  const { artifact, columns } = found;
  try {
    const served = { ...said, artifact, ...(columns === null ? {} : { columns }) };
    return { ...(await context.dispatch("CreateModelVersion", served)), reason: null };
  } catch (error) {
    const reason = reasonOf(error);
    if (reason === null) throw error;
    return { ...(await context.dispatch("CreateModelVersion", { ...said, artifact, format: "other" })), reason };
  }
};

/** `model-versions/*`. */
export const modelVersions: Routes = (route) => {
  route("POST", "model-versions/create", createInput, async (input, context) => {
    const model = await idOf(context, input.name);
    const { version: number, reason } = await createVersion(context, model, input);
    if (number === undefined) throw new MillraceError("PROJECTION_BEHIND", "the version has no number yet; ask again");
    const of = { model, version: number };
    const tags = reason === null ? input.tags : [...input.tags, { key: NOT_SERVED_TAG, value: reason.slice(0, 8000) }];
    for (const { key, value } of tags) await context.dispatch("SetModelVersionTag", { ...of, key, value });
    if (input.description !== "") {
      await context.dispatch("DescribeModelVersion", { ...of, description: input.description });
    }
    await approveUnguarded(context, input.name, number);
    return answerOf(context, input.name, number);
  });

  const one = z.object({ name, version });
  route("GET", "model-versions/get", one, (input, context) => answerOf(context, input.name, input.version));

  route(
    "PATCH",
    "model-versions/update",
    one.extend({ description: z.string().default("") }),
    async (input, context) => {
      const { name: of, version: number, description } = input;
      await context.dispatch("DescribeModelVersion", { model: await idOf(context, of), version: number, description });
      return answerOf(context, of, number);
    },
  );

  route("DELETE", "model-versions/delete", one, async (input, context) => {
    const { model } = await readsOf(context).version(input.name, input.version);
    await context.dispatch("DeleteModelVersion", { model: model.id, version: input.version });
    return {};
  });

  route("GET", "model-versions/search", fields.search(200_000, 200_000), async (input, context) => {
    const usual = ["last_updated_timestamp DESC", "name ASC", "version_number DESC"];
    const found = await readsOf(context).versions();
    const { page, next } = searchPage("modelVersions", found, versionValues, input, usual);
    return withoutEmptyLists({ model_versions: page.map(modelVersionAnswer), next_page_token: next });
  });

  route("GET", "model-versions/get-download-uri", one, async (input, context) => {
    const { version: found } = await readsOf(context).version(input.name, input.version);
    if (found.source !== null) {
      return { artifact_uri: await downloadUri(context, found.source) };
    }
    throw new MillraceError(
      "NOT_FOUND",
      `version ${input.version} of "${input.name}" was not registered from MLflow's artifacts; its file is artifact ${found.artifact}`,
    );
  });

  const move = one.extend({ stage: fields.stage, archive_existing_versions: z.boolean().default(false) });
  route("POST", "model-versions/transition-stage", move, async (input, context) => {
    const { version: number, stage, archive_existing_versions: archiveExisting } = input;
    if (archiveExisting && stage !== "Staging" && stage !== "Production") {
      throw new MillraceError(
        "BAD_REQUEST",
        `archive_existing_versions: only Staging and Production have versions to archive, not ${stage}`,
      );
    }
    const model = await idOf(context, input.name);
    await context.dispatch("TransitionStage", { model, version: number, stage, archiveExisting });
    return answerOf(context, input.name, number);
  });

  const tagInput = one.extend({ key: z.string(), value: z.string().default("") });
  route("POST", "model-versions/set-tag", tagInput, async ({ name: of, version: number, key, value }, context) => {
    const model = await idOf(context, of);
    await context.dispatch("SetModelVersionTag", { model, version: number, key, value });
    return {};
  });
  route("DELETE", "model-versions/delete-tag", tagInput.omit({ value: true }), async (input, context) => {
    const { version: number, key } = input;
    const model = await idOf(context, input.name);
    await context.dispatch("RemoveModelVersionTag", { model, version: number, key });
    return {};
  });
};
