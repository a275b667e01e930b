import type { LifecycleEvent } from "../../schemas/lifecycle.ts";
import { changed, created, type DocumentFold, idOfStream, lifecycleOf } from "./fold.ts";
import { withoutKey } from "./without-key.ts";

export const modelVersionId = (model: string, version: number): string => `${model}/${version}`;

/** The versions that an event of the model is about. */
const versionsOf = ({ type, data }: LifecycleEvent): number[] => {
  switch (type) {
    case "ModelVersionStageChanged":
      return [data.version, ...data.archived];
    case "ModelVersionCreated":
    case "ModelVersionApproved":
    case "ModelVersionRejected":
    case "ModelVersionApprovalGiven":
    case "ModelVersionDescribed":
    case "ModelVersionTagSet":
    case "ModelVersionTagRemoved":
    case "ModelVersionDeleted":
      return [data.version];
    default:
      return [];
  }
};

export const modelVersions: DocumentFold<"modelVersions"> = {
  collection: "modelVersions",
  aggregate: "model",
  idOf: (id, event) => versionsOf(event).map((version) => modelVersionId(id, version)),
  project(document, event) {
    const lifecycle = lifecycleOf(event);
    const { type, data } = lifecycle;
    const at = event.metadata.at;
    const by = event.metadata.actor;
    if (type === "ModelVersionCreated") {
      const model = idOfStream(event.stream);
      const base = created(event, modelVersionId(model, data.version));
      const decided = { comment: "", decidedBy: null, decidedAt: null } as const;
      const blank = { description: "", tags: {}, stage: "None" } as const;
      return { ...base, ...data, ...blank, approvals: [], model, status: "pending", ...decided };
    }
    if (document === null || !versionsOf(lifecycle).includes(document.version)) return document;
    switch (type) {
      case "ModelVersionApproved": {
        const approvals = [...document.approvals, { by, at, stage: null, comment: data.comment }];
        const decided = { comment: data.comment, decidedBy: by, decidedAt: at };
        return changed(document, event, { status: "approved", approvals, ...decided });
      }
      case "ModelVersionRejected": {
        const decided = { comment: data.comment, decidedBy: by, decidedAt: at };
        return changed(document, event, { status: "rejected", approvals: [], ...decided });
      }
      case "ModelVersionApprovalGiven": {
        const given = { by, at, stage: data.stage, comment: data.comment };
        return changed(document, event, { approvals: [...document.approvals, given] });
      }
      case "ModelVersionStageChanged":
        return changed(document, event, { stage: document.version === data.version ? data.stage : "Archived" });
      case "ModelVersionDescribed":
        return changed(document, event, { description: data.description });
      case "ModelVersionTagSet":
        return changed(document, event, { tags: { ...document.tags, [data.key]: data.value } });
      case "ModelVersionTagRemoved":
        return changed(document, event, { tags: withoutKey(document.tags, data.key) });
      case "ModelVersionDeleted":
        return changed(document, event, { status: "deleted", stage: "None" });
      default:
        return document;
    }
  },
};
