import { changed, created, type DocumentFold, idOfStream, lifecycleOf } from "./fold.ts";

export const policies: DocumentFold<"policies"> = {
  collection: "policies",
  aggregate: "policy",
  project(document, event) {
    const { type, data } = lifecycleOf(event);
    if (type === "PolicySet") {
      const set = { ...data, status: "active" } as const;
      return document === null
        ? { ...created(event, idOfStream(event.stream)), ...set }
        : changed(document, event, set);
    }
    if (document === null || type !== "PolicyRemoved") return document;
    return changed(document, event, { status: "removed" });
  },
};
