import { changed, created, type DocumentFold, idOfStream, lifecycleOf } from "./fold.ts";

export const alerts: DocumentFold<"alerts"> = {
  collection: "alerts",
  aggregate: "alert",
  project(document, event) {
    const { type, data } = lifecycleOf(event);
    if (type === "AlertRaised") {
      return { ...created(event, idOfStream(event.stream)), ...data, status: "raised", comment: "" };
    }
    if (document === null) return null;
    switch (type) {
      case "AlertAcknowledged":
        return changed(document, event, { status: "acknowledged", comment: data.comment });
      case "AlertResolved":
        return changed(document, event, { status: "resolved", comment: data.comment });
      default:
        return document;
    }
  },
};
