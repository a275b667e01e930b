import { changed, created, type DocumentFold, idOfStream, lifecycleOf } from "./fold.ts";
import { withoutKey } from "./without-key.ts";

export const loggedModels: DocumentFold<"loggedModels"> = {
  collection: "loggedModels",
  aggregate: "logged-model",
  project(document, event) {
    const { type, data } = lifecycleOf(event);
    if (type === "LoggedModelCreated") {
      return { ...created(event, idOfStream(event.stream)), ...data, status: "PENDING", lifecycle: "active" };
    }
    if (document === null) return null;
    switch (type) {
      case "LoggedModelFinalized":
        return changed(document, event, { status: data.status });
      case "LoggedModelParamsLogged":
        return changed(document, event, { params: { ...document.params, ...data.params } });
      case "LoggedModelTagsSet":
        return changed(document, event, { tags: { ...document.tags, ...data.tags } });
      case "LoggedModelTagDeleted":
        return changed(document, event, { tags: withoutKey(document.tags, data.key) });
      case "LoggedModelArtifactStored":
      case "LoggedModelArtifactsDeleted":
        return changed(document, event, {});
      case "LoggedModelDeleted":
        return changed(document, event, { lifecycle: "deleted" });
      default:
        return document;
    }
  },
};
