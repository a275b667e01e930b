import { changed, created, type DocumentFold, idOfStream, lifecycleOf } from "./fold.ts";

export const modelVersionId = (model: string, version: number): string => `${model}/${version}`;

export const modelVersions: DocumentFold<"modelVersions"> = {
  collection: "modelVersions",
  aggregate: "model",
  idOf(id, { type, data }) {
    const concerns =
      type === "ModelVersionCreated" || type === "ModelVersionApproved" || type === "ModelVersionRejected";
    return concerns ? modelVersionId(id, data.version) : null;
  },
  project(document, event) {
    const { type, data } = lifecycleOf(event);
    const at = event.metadata.at;
    const by = event.metadata.actor;
    switch (type) {
      case "ModelVersionCreated": {
        const model = idOfStream(event.stream);
        const base = created(event, modelVersionId(model, data.version));
        return { ...base, ...data, model, status: "pending", comment: "", decidedBy: null, decidedAt: null };
      }
      case "ModelVersionApproved":
      case "ModelVersionRejected": {
        if (document === null || document.version !== data.version) return document;
        const status = type === "ModelVersionApproved" ? "approved" : "rejected";
        return changed(document, event, { status, comment: data.comment, decidedBy: by, decidedAt: at });
      }
      default:
        return document;
    }
  },
};
