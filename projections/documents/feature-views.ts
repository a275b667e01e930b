import type { StoredEvent } from "../../infra/event-store/port.ts";
import type { FeatureViewDefinition } from "../../schemas/lifecycle/feature-view.ts";
import { changed, created, type DocumentFold, idOfStream, lifecycleOf } from "./fold.ts";
import type { FeatureViewDocument } from "./types.ts";

const versionBy = (
  event: StoredEvent,
  version: number,
  definition: FeatureViewDefinition,
): FeatureViewDocument["versions"][number] => ({
  version,
  at: event.metadata.at,
  by: event.metadata.actor,
  definition,
});

export const featureViews: DocumentFold<"featureViews"> = {
  collection: "featureViews",
  aggregate: "feature-view",
  project(document, event) {
    const { type, data } = lifecycleOf(event);
    if (type === "FeatureViewCreated") {
      const { definition } = data;
      const base = created(event, idOfStream(event.stream));
      return { ...base, version: 1, definition, versions: [versionBy(event, 1, definition)], status: "active" };
    }
    if (document === null) return null;
    switch (type) {
      case "FeatureViewChanged":
        return changed(document, event, {
          version: data.version,
          definition: data.definition,
          versions: [...document.versions, versionBy(event, data.version, data.definition)],
        });
      case "FeatureViewArchived":
        return changed(document, event, { status: "archived" });
      default:
        return document;
    }
  },
};
