import { changed, created, type DocumentFold, idOfStream, lifecycleOf } from "./fold.ts";

export const monitors: DocumentFold<"monitors"> = {
  collection: "monitors",
  aggregate: "monitor",
  project(document, event) {
    const { type, data } = lifecycleOf(event);
    if (type === "MonitorCreated") {
      return { ...created(event, idOfStream(event.stream)), definition: data, status: "active" };
    }
    if (document === null || type !== "MonitorDeleted") return document;
    return changed(document, event, { status: "deleted" });
  },
};
