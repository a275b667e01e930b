import { modelFinder } from "../../../commands/references/model-names.ts";
import { modelVersionId } from "../../../projections/documents/model-versions.ts";
import type { ModelDocument, ModelVersionDocument } from "../../../projections/documents/types.ts";
import { MillraceError } from "../../../schemas/errors.ts";
import type { ServerDeps } from "../../deps.ts";
import { everyDocument } from "./lists.ts";

/** A version with the model that it is of, whose aliases it has. */
export type RegisteredVersion = { model: ModelDocument; version: ModelVersionDocument };

export const nameOf = ({ name, id }: ModelDocument): string => name ?? id;

/**
 * MLflow's registry, as the documents of one project tell it: archived models and deleted versions are not there. What
 * it calls a model's name is the name that it has now; its id, in deployments and lineage, stays.
 */
export const registryReads = (
  { documents, eventStore }: Pick<ServerDeps, "documents" | "eventStore">,
  project: string,
) => {
  const named = async (id: string, name: string): Promise<ModelDocument | null> => {
    const found = await documents.get("models", project, id);
    return found !== null && found.status === "active" && nameOf(found) === name ? found : null;
  };
  const model = async (name: string): Promise<ModelDocument> => {
    const found = await named(name, name);
    if (found !== null) return found;
    const id = await modelFinder(eventStore).find(project, name);
    const renamed = id === null ? null : await named(id, name);
    if (renamed !== null) return renamed;
    throw new MillraceError("NOT_FOUND", `Registered Model with name=${name} not found`);
  };

  const version = async (name: string, number: number): Promise<RegisteredVersion> => {
    const of = await model(name);
    const found = await documents.get("modelVersions", project, modelVersionId(of.id, number));
    if (found !== null && found.status !== "deleted") return { model: of, version: found };
    throw new MillraceError("NOT_FOUND", `Model Version (name=${name}, version=${number}) not found`);
  };

  return {
    model,
    version,

    async models(): Promise<ModelDocument[]> {
      return (await everyDocument(documents, "models", project)).filter(({ status }) => status === "active");
    },

    /** Of one model, by number. */
    async versionsOf(of: ModelDocument): Promise<ModelVersionDocument[]> {
      const numbers = Array.from({ length: of.latestVersion }, (_, i) => i + 1);
      const found = await Promise.all(
        numbers.map((number) => documents.get("modelVersions", project, modelVersionId(of.id, number))),
      );
      return found.flatMap((one) => (one === null || one.status === "deleted" ? [] : [one]));
    },

    /** Of all models that are active. */
    async versions(): Promise<RegisteredVersion[]> {
      const models = new Map((await this.models()).map((one) => [one.id, one]));
      return (await everyDocument(documents, "modelVersions", project)).flatMap((found) => {
        const of = models.get(found.model);
        return of === undefined || found.status === "deleted" ? [] : [{ model: of, version: found }];
      });
    },
  };
};
