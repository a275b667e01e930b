import { modelVersionId } from "../../../projections/documents/model-versions.ts";
import type { Documents, ModelDocument, ModelVersionDocument } from "../../../projections/documents/types.ts";
import { MillraceError } from "../../../schemas/errors.ts";
import { everyDocument } from "./lists.ts";

/** A version with the model that it is of, whose aliases it has. */
export type RegisteredVersion = { model: ModelDocument; version: ModelVersionDocument };

/** MLflow's registry, as the documents of one project tell it: archived models and deleted versions are not there. */
export const registryReads = (documents: Documents, project: string) => {
  const model = async (name: string): Promise<ModelDocument> => {
    const found = await documents.get("models", project, name);
    if (found !== null && found.status === "active") return found;
    throw new MillraceError("NOT_FOUND", `Registered Model with name=${name} not found`);
  };

  const version = async (name: string, number: number): Promise<RegisteredVersion> => {
    const found = await documents.get("modelVersions", project, modelVersionId(name, number));
    if (found !== null && found.status !== "deleted") return { model: await model(name), version: found };
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
