import { asGiven, handlersOf } from "../handler.ts";
import { sameValue } from "../identity.ts";
import { checkColumnNames } from "./columns.ts";
import { deployment } from "./decider.ts";
import { checkSplit } from "./split.ts";

export const deploymentHandlers = handlersOf(deployment, {
  CreateDeployment: {
    id: ({ id }) => id,
    prepare: asGiven("CreateDeployment", async (data, { project, state, checks }) => {
      const { id: _, ...definition } = data;
      // What is wrong in itself is said before what is wrong with the rest of the project.
      checkSplit(definition.split);
      checkColumnNames(definition.columns);
      if (state === null) await checks.checkDeployment(project, definition);
    }),
    serial: "project",
  },
  ChangeTraffic: {
    id: ({ id }) => id,
    prepare: asGiven("ChangeTraffic", async (data, { project, state, checks }) => {
      checkSplit(data.split);
      if (state?.status === "active" && !sameValue(state.definition.split, data.split)) {
        await checks.checkDeployment(project, { ...state.definition, split: data.split });
      }
    }),
    serial: "project",
  },
  StopDeployment: { id: ({ id }) => id, prepare: asGiven("StopDeployment") },
});
