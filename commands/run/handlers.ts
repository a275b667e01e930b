import { MillraceError } from "../../schemas/errors.ts";
import { asGiven, type HandlerContext, handlersOf } from "../handler.ts";
import type { Payload } from "../payloads.ts";
import { runIdFrom } from "../tracking.ts";
import { NAME_TAG, type Run, type RunCommand, run } from "./decider.ts";

const create = async (
  payload: Payload<"CreateRun">,
  { project, id, state, checks }: HandlerContext<Run | null>,
): Promise<RunCommand> => {
  const { name, tags } = payload;
  if (Object.hasOwn(tags, NAME_TAG) && tags[NAME_TAG] !== name) {
    throw new MillraceError("BAD_REQUEST", `tags: ${NAME_TAG} is "${tags[NAME_TAG]}", but the name is "${name}"`);
  }
  if (state === null) await checks.checkExperiment(project, payload.experiment);
  return { type: "CreateRun", data: { ...payload, id } };
};

/** Whatever a run logs, its experiment must be there. */
const ofActiveExperiment = async (
  _: unknown,
  { project, state, checks }: HandlerContext<Run | null>,
): Promise<void> => {
  if (state !== null && !state.deleted) await checks.checkExperiment(project, state.experiment);
};

const storeArtifact = async (
  { id, path, artifact: digest }: Payload<"StoreRunArtifact">,
  context: HandlerContext<Run | null>,
): Promise<RunCommand> => {
  await ofActiveExperiment(null, context);
  return {
    type: "StoreRunArtifact",
    data: { id, path, digest, size: (await context.checks.findArtifact(digest)).size },
  };
};

export const runHandlers = handlersOf(run, {
  CreateRun: { id: ({ id }) => id, idFrom: runIdFrom, prepare: create },
  UpdateRun: { id: ({ id }) => id, prepare: asGiven("UpdateRun", ofActiveExperiment) },
  LogRunBatch: { id: ({ id }) => id, prepare: asGiven("LogRunBatch", ofActiveExperiment) },
  DeleteRunTag: { id: ({ id }) => id, prepare: asGiven("DeleteRunTag", ofActiveExperiment) },
  LogRunInputs: { id: ({ id }) => id, prepare: asGiven("LogRunInputs", ofActiveExperiment) },
  LogRunOutputs: { id: ({ id }) => id, prepare: asGiven("LogRunOutputs", ofActiveExperiment) },
  StoreRunArtifact: { id: ({ id }) => id, prepare: storeArtifact },
  DeleteRunArtifacts: { id: ({ id }) => id, prepare: asGiven("DeleteRunArtifacts") },
  DeleteRun: { id: ({ id }) => id, prepare: asGiven("DeleteRun") },
  RestoreRun: {
    id: ({ id }) => id,
    prepare: asGiven("RestoreRun", async (_, { project, state, checks }) => {
      if (state?.deleted) await checks.checkExperiment(project, state.experiment);
    }),
  },
});
