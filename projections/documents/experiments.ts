import { changed, created, type DocumentFold, idOfStream, lifecycleOf } from "./fold.ts";
import { withoutKey } from "./without-key.ts";

export const experiments: DocumentFold<"experiments"> = {
  collection: "experiments",
  aggregate: "experiment",
  project(document, event) {
    const { type, data } = lifecycleOf(event);
    if (type === "ExperimentCreated") {
      return { ...created(event, idOfStream(event.stream)), ...data, status: "active" };
    }
    if (document === null) return null;
    switch (type) {
      case "ExperimentRenamed":
        return changed(document, event, { name: data.name });
      case "ExperimentTagSet":
        return changed(document, event, { tags: { ...document.tags, [data.key]: data.value } });
      case "ExperimentTagDeleted":
        return changed(document, event, { tags: withoutKey(document.tags, data.key) });
      case "ExperimentDeleted":
        return changed(document, event, { status: "deleted" });
      case "ExperimentRestored":
        return changed(document, event, { status: "active" });
      default:
        return document;
    }
  },
};
