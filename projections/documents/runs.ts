import { changed, created, type DocumentFold, idOfStream, lifecycleOf } from "./fold.ts";
import { withoutKey } from "./without-key.ts";

export const runs: DocumentFold<"runs"> = {
  collection: "runs",
  aggregate: "run",
  project(document, event) {
    const { type, data } = lifecycleOf(event);
    if (type === "RunCreated") {
      return {
        ...created(event, idOfStream(event.stream)),
        ...data,
        status: "RUNNING",
        endTime: null,
        params: {},
        inputs: { datasets: [], models: [] },
        outputs: [],
        lifecycle: "active",
      };
    }
    if (document === null) return null;
    switch (type) {
      case "RunUpdated":
        return changed(document, event, data);
      case "RunParamsLogged":
        return changed(document, event, { params: { ...document.params, ...data.params } });
      case "RunTagsSet":
        return changed(document, event, { tags: { ...document.tags, ...data.tags } });
      case "RunTagDeleted":
        return changed(document, event, { tags: withoutKey(document.tags, data.key) });
      case "RunInputsLogged": {
        const { datasets, models } = document.inputs;
        return changed(document, event, {
          inputs: { datasets: [...datasets, ...data.datasets], models: [...models, ...data.models] },
        });
      }
      case "RunOutputsLogged":
        return changed(document, event, { outputs: [...document.outputs, ...data.models] });
      case "RunArtifactStored":
      case "RunArtifactsDeleted":
        return changed(document, event, {});
      case "RunDeleted":
        return changed(document, event, { lifecycle: "deleted" });
      case "RunRestored":
        return changed(document, event, { lifecycle: "active" });
      default:
        return document;
    }
  },
};
