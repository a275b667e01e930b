import { changed, created, type DocumentFold, idOfStream, lifecycleOf } from "./fold.ts";
import { withoutKey } from "./without-key.ts";

export const datasets: DocumentFold<"datasets"> = {
  collection: "datasets",
  aggregate: "dataset",
  project(document, event) {
    const { type, data } = lifecycleOf(event);
    if (type === "DatasetCreated") {
      const { description } = data;
      return {
        ...created(event, idOfStream(event.stream)),
        description,
        latestVersion: 0,
        tags: {},
        status: "active",
      };
    }
    if (document === null) return null;
    switch (type) {
      case "DatasetVersionCreated":
        return changed(document, event, { latestVersion: Math.max(document.latestVersion, data.version) });
      case "DatasetTagSet":
        return changed(document, event, { tags: { ...document.tags, [data.key]: data.value } });
      case "DatasetTagRemoved":
        return changed(document, event, { tags: withoutKey(document.tags, data.key) });
      case "DatasetArchived":
        return changed(document, event, { status: "archived" });
      default:
        return document;
    }
  },
};

export const datasetVersions: DocumentFold<"datasetVersions"> = {
  collection: "datasetVersions",
  aggregate: "dataset",
  idOf: (id, event) => (event.type === "DatasetVersionCreated" ? `${id}/${event.data.version}` : null),
  project(document, event) {
    const { type, data } = lifecycleOf(event);
    if (type !== "DatasetVersionCreated") return document;
    const dataset = idOfStream(event.stream);
    return { ...created(event, `${dataset}/${data.version}`), dataset, ...data };
  },
};
