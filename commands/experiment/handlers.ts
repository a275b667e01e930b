import { asGiven, type HandlerContext, handlersOf } from "../handler.ts";
import type { Payload } from "../payloads.ts";
import { experimentIdFrom } from "../tracking.ts";
import { defaultExperiment, type Experiment, type ExperimentCommand, experiment } from "./decider.ts";

const create = async (
  payload: Payload<"CreateExperiment">,
  { project, id, state, checks }: HandlerContext<Experiment | null>,
): Promise<ExperimentCommand> => {
  const { name } = payload;
  const isDefault = id === defaultExperiment.id && name === defaultExperiment.name;
  if (state === null && (isDefault || (id !== defaultExperiment.id && name !== defaultExperiment.name))) {
    await checks.takeExperimentName(project, name, id);
  }
  return { type: "CreateExperiment", data: { ...payload, id } };
};

export const experimentHandlers = handlersOf(experiment, {
  CreateExperiment: {
    id: ({ id, name }) => id ?? (name === defaultExperiment.name ? defaultExperiment.id : undefined),
    idFrom: experimentIdFrom,
    prepare: create,
    serial: "project",
  },
  RenameExperiment: {
    id: ({ id }) => id,
    prepare: asGiven("RenameExperiment", async ({ id, name }, { project, state, checks }) => {
      if (state?.status === "active" && state.name !== name) await checks.takeExperimentName(project, name, id);
    }),
    serial: "project",
  },
  SetExperimentTag: { id: ({ id }) => id, prepare: asGiven("SetExperimentTag") },
  DeleteExperimentTag: { id: ({ id }) => id, prepare: asGiven("DeleteExperimentTag") },
  DeleteExperiment: { id: ({ id }) => id, prepare: asGiven("DeleteExperiment") },
  RestoreExperiment: { id: ({ id }) => id, prepare: asGiven("RestoreExperiment") },
});
