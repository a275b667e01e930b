import type { Stage } from "../../schemas/lifecycle/model.ts";
import { changed, created, type DocumentFold, idOfStream, lifecycleOf } from "./fold.ts";
import type { ModelDocument } from "./types.ts";
import { withoutKey } from "./without-key.ts";

type Stages = ModelDocument["stages"];

const stagesAfter = (
  before: Stages,
  { version, stage, archived }: { version: number; stage: Stage; archived: readonly number[] },
): Stages => {
  const stayed = before.map(({ stage: name, versions }) => ({
    stage: name,
    versions: versions.filter((held) => held !== version && !archived.includes(held)),
  }));
  if (stage === "Staging" || stage === "Production") {
    const versions = stayed.find(({ stage: name }) => name === stage)?.versions ?? [];
    const others = stayed.filter(({ stage: name }) => name !== stage);
    return [...others, { stage, versions: [...versions, version] }].filter(isHeld);
  }
  return stayed.filter(isHeld);
};

const isHeld = ({ versions }: Stages[number]): boolean => versions.length > 0;

export const models: DocumentFold<"models"> = {
  collection: "models",
  aggregate: "model",
  project(document, event) {
    const { type, data } = lifecycleOf(event);
    if (type === "ModelRegistered") {
      const { description, name } = data;
      return {
        ...created(event, idOfStream(event.stream)),
        ...(name === undefined ? {} : { name }),
        description,
        latestVersion: 0,
        aliases: [],
        tags: {},
        stages: [],
        status: "active",
      };
    }
    if (document === null) return null;
    switch (type) {
      case "ModelVersionCreated":
        return changed(document, event, { latestVersion: Math.max(document.latestVersion, data.version) });
      case "ModelVersionApproved":
      case "ModelVersionRejected":
        return changed(document, event, {});
      case "ModelAliasSet": {
        const others = document.aliases.filter(({ alias }) => alias !== data.alias);
        return changed(document, event, { aliases: [...others, { alias: data.alias, version: data.version }] });
      }
      case "ModelAliasRemoved":
        return changed(document, event, { aliases: document.aliases.filter(({ alias }) => alias !== data.alias) });
      case "ModelDescribed":
        return changed(document, event, { description: data.description });
      case "ModelRenamed":
        return changed(document, event, { name: data.name });
      case "ModelTagSet":
        return changed(document, event, { tags: { ...document.tags, [data.key]: data.value } });
      case "ModelTagRemoved":
        return changed(document, event, { tags: withoutKey(document.tags, data.key) });
      case "ModelVersionStageChanged":
        return changed(document, event, { stages: stagesAfter(document.stages, data) });
      case "ModelVersionDeleted":
        return changed(document, event, {});
      case "ModelArchived":
        return changed(document, event, { status: "archived" });
      default:
        return document;
    }
  },
};
