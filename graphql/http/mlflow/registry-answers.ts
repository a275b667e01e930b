import type { ModelDocument, ModelVersionDocument } from "../../../projections/documents/types.ts";
import { pairs, withoutEmptyLists } from "./answers.ts";
import { nameOf, type RegisteredVersion } from "./registry-reads.ts";

/** The logged model that a source names. */
const loggedModelOf = (source: string | null): string | undefined =>
  source === null ? undefined : /(?:^models:\/|\/models\/)(m-[0-9a-f]{32})(?:\/|$)/.exec(source)?.[1];

/** Why a version cannot be deployed, where it was registered all the same: a tag that says it. */
export const NOT_SERVED_TAG = "millrace.not-served";

export const modelVersionAnswer = ({ model, version }: RegisteredVersion) =>
  withoutEmptyLists({
    name: nameOf(model),
    version: String(version.version),
    creation_timestamp: version.createdAt,
    last_updated_timestamp: version.updatedAt,
    user_id: version.createdBy,
    current_stage: version.stage,
    description: version.description,
    source: version.source ?? "",
    run_id: version.run ?? version.foreignRun ?? "",
    run_link: "",
    model_id: loggedModelOf(version.source),
    status: "READY",
    status_message: version.tags[NOT_SERVED_TAG],
    tags: pairs(version.tags),
    aliases: model.aliases.filter(({ version: of }) => of === version.version).map(({ alias }) => alias),
  });

const stages = ["None", "Staging", "Production", "Archived"] as const;

/** Of each stage that versions have, the newest of them; by number. */
export const latestOf = (versions: readonly ModelVersionDocument[], asked: readonly string[]): ModelVersionDocument[] =>
  stages
    .filter((stage) => asked.length === 0 || asked.includes(stage))
    .flatMap((stage) => versions.findLast((version) => version.stage === stage) ?? [])
    .sort((a, b) => a.version - b.version);

export const registeredModelAnswer = (model: ModelDocument, versions: readonly ModelVersionDocument[]) =>
  withoutEmptyLists({
    name: nameOf(model),
    creation_timestamp: model.createdAt,
    last_updated_timestamp: model.updatedAt,
    user_id: model.createdBy,
    description: model.description || undefined,
    latest_versions: latestOf(versions, []).map((version) => modelVersionAnswer({ model, version })),
    tags: pairs(model.tags),
    aliases: model.aliases.map(({ alias, version }) => ({ alias, version: String(version) })),
  });
