import { MillraceError } from "../../schemas/errors.ts";
import { asGiven, type HandlerContext, handlersOf } from "../handler.ts";
import type { Payload } from "../payloads.ts";
import { type ModelCommand, model } from "./decider.ts";
import { definitionOf } from "./inspection.ts";
import { type Model, sameVersion } from "./state.ts";

const createVersion = async (
  payload: Payload<"CreateModelVersion">,
  { state, checks }: HandlerContext<Model | null>,
): Promise<ModelCommand> => {
  // Asked here too, so that a model's name is corrected before its file is read.
  if (state === null)
    throw new MillraceError("NOT_FOUND", `model "${payload.model}" does not exist; register it first`);
  const inspected = await checks.inspectModel(payload.artifact);
  if (payload.profile !== null) await checks.findArtifact(payload.profile);
  return { type: "CreateModelVersion", data: { model: payload.model, definition: definitionOf(payload, inspected) } };
};

const repeatedVersion = (command: ModelCommand, state: Model | null): number | undefined =>
  command.type === "CreateModelVersion" && state !== null
    ? sameVersion(state, command.data.definition)?.definition.version
    : undefined;

export const modelHandlers = handlersOf(model, {
  RegisterModel: { id: ({ id }) => id, prepare: asGiven("RegisterModel") },
  CreateModelVersion: { id: (payload) => payload.model, prepare: createVersion, version: repeatedVersion },
  ApproveModelVersion: { id: (payload) => payload.model, prepare: asGiven("ApproveModelVersion") },
  RejectModelVersion: {
    id: (payload) => payload.model,
    prepare: asGiven("RejectModelVersion", async (data, { project, checks }) => {
      await checks.checkUnused(project, { model: data.model, version: data.version });
    }),
    serial: "project",
  },
  SetModelAlias: { id: (payload) => payload.model, prepare: asGiven("SetModelAlias") },
  RemoveModelAlias: { id: (payload) => payload.model, prepare: asGiven("RemoveModelAlias") },
  ArchiveModel: {
    id: (payload) => payload.model,
    prepare: asGiven("ArchiveModel", async (data, { project, state, checks }) => {
      if (state?.status === "active") await checks.checkUnused(project, { aggregate: "model", id: data.model });
    }),
    serial: "project",
  },
});
