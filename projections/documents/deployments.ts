import { changed, created, type DocumentFold, idOfStream, lifecycleOf } from "./fold.ts";

export const deployments: DocumentFold<"deployments"> = {
  collection: "deployments",
  aggregate: "deployment",
  project(document, event) {
    const { type, data } = lifecycleOf(event);
    if (type === "DeploymentCreated") return { ...created(event, idOfStream(event.stream)), ...data, status: "active" };
    if (document === null) return null;
    switch (type) {
      case "TrafficChanged":
        return changed(document, event, { split: data.split });
      case "DeploymentStopped":
        return changed(document, event, { status: "stopped" });
      default:
        return document;
    }
  },
};
