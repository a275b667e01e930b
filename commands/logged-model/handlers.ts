import { asGiven, type HandlerContext, handlersOf } from "../handler.ts";
import type { Payload } from "../payloads.ts";
import { loggedModelIdFrom } from "../tracking.ts";
import { type LoggedModel, type LoggedModelCommand, loggedModel } from "./decider.ts";

const create = async (
  payload: Payload<"CreateLoggedModel">,
  { project, id, state, checks }: HandlerContext<LoggedModel | null>,
): Promise<LoggedModelCommand> => {
  if (state === null) {
    await checks.checkExperiment(project, payload.experiment);
    if (payload.run !== null) await checks.checkRun(project, payload.run);
  }
  return { type: "CreateLoggedModel", data: { ...payload, id } };
};

const storeArtifact = async (
  { id, path, artifact: digest }: Payload<"StoreLoggedModelArtifact">,
  { checks }: HandlerContext<LoggedModel | null>,
): Promise<LoggedModelCommand> => {
  const { size } = await checks.findArtifact(digest);
  return { type: "StoreLoggedModelArtifact", data: { id, path, digest, size } };
};

export const loggedModelHandlers = handlersOf(loggedModel, {
  CreateLoggedModel: { id: ({ id }) => id, idFrom: loggedModelIdFrom, prepare: create },
  FinalizeLoggedModel: { id: ({ id }) => id, prepare: asGiven("FinalizeLoggedModel") },
  LogLoggedModelParams: { id: ({ id }) => id, prepare: asGiven("LogLoggedModelParams") },
  SetLoggedModelTags: { id: ({ id }) => id, prepare: asGiven("SetLoggedModelTags") },
  DeleteLoggedModelTag: { id: ({ id }) => id, prepare: asGiven("DeleteLoggedModelTag") },
  StoreLoggedModelArtifact: { id: ({ id }) => id, prepare: storeArtifact },
  DeleteLoggedModelArtifacts: { id: ({ id }) => id, prepare: asGiven("DeleteLoggedModelArtifacts") },
  DeleteLoggedModel: { id: ({ id }) => id, prepare: asGiven("DeleteLoggedModel") },
});
