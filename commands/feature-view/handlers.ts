import { asGiven, handlersOf } from "../handler.ts";
import { sameValue } from "../identity.ts";
import { featureView } from "./decider.ts";

export const featureViewHandlers = handlersOf(featureView, {
  CreateFeatureView: {
    id: ({ id }) => id,
    prepare: asGiven("CreateFeatureView", async (data, { project, state, checks }) => {
      if (state === null) await checks.planFeatureView(project, data.id, data.definition);
    }),
    serial: "project",
  },
  ChangeFeatureView: {
    id: ({ id }) => id,
    prepare: asGiven("ChangeFeatureView", async (data, { project, state, checks }) => {
      if (state?.status === "active" && !sameValue(state.definition, data.definition)) {
        await checks.planFeatureView(project, data.id, data.definition);
      }
    }),
    serial: "project",
  },
  ArchiveFeatureView: {
    id: ({ id }) => id,
    prepare: asGiven("ArchiveFeatureView", async (data, { project, state, checks }) => {
      if (state?.status === "active") await checks.checkUnused(project, { aggregate: "feature-view", id: data.id });
    }),
    serial: "project",
  },
});
