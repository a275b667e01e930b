import { MillraceError } from "../../schemas/errors.ts";
import { asGiven, type HandlerContext, handlersOf } from "../handler.ts";
import type { Payload } from "../payloads.ts";
import { candidateFor } from "../policy/candidate.ts";
import { type ModelCommand, model } from "./decider.ts";
import { definitionOf, otherDefinitionOf } from "./inspection.ts";
import { isGuarded } from "./stages.ts";
import { type Model, sameVersion } from "./state.ts";

const createVersion = async (
  payload: Payload<"CreateModelVersion">,
  { project, state, checks }: HandlerContext<Model | null>,
): Promise<ModelCommand> => {
  // Asked here too, so that a model's name is corrected before its file is read.
  if (state === null)
    throw new MillraceError("NOT_FOUND", `model "${payload.model}" does not exist; register it first`);
  const { model, artifact, format, profile, reuse } = payload;
  for (const run of new Set([payload.run, payload.lineage.run])) {
    if (run !== null) await checks.checkRun(project, run);
  }
  if (profile !== null) await checks.findArtifact(profile);
  if (format === "other") {
    if (artifact !== null) await checks.findArtifact(artifact);
    return { type: "CreateModelVersion", data: { model, definition: otherDefinitionOf(payload), reuse } };
  }
  if (artifact === null) {
    throw new MillraceError("BAD_REQUEST", "artifact: give the SHA-256 of the ONNX file that was uploaded");
  }
  const { output, outputIndex } = payload;
  const definition = definitionOf(
    { ...payload, artifact },
    await checks.inspectModel(artifact, { output, outputIndex }),
  );
  return { type: "CreateModelVersion", data: { model, definition, reuse } };
};

const judged = async (
  payload: Payload<"TransitionStage">,
  { project, state, checks }: HandlerContext<Model | null>,
): Promise<ModelCommand> => {
  const { version, stage } = payload;
  const candidate = isGuarded(stage) ? candidateFor(state, version, stage) : null;
  const failed = isGuarded(stage) && candidate !== null ? await checks.judgePromotion(project, stage, candidate) : [];
  return { type: "TransitionStage", data: { ...payload, failed } };
};

const repeatedVersion = (command: ModelCommand, state: Model | null): number | undefined =>
  command.type === "CreateModelVersion" && state !== null
    ? sameVersion(state, command.data.definition)?.definition.version
    : undefined;

export const modelHandlers = handlersOf(model, {
  RegisterModel: {
    id: ({ id }) => id,
    prepare: asGiven("RegisterModel", async ({ id, name = id }, { project, state, checks }) => {
      if (state === null) await checks.takeModelName(project, name, id);
    }),
    serial: "project",
  },
  RenameModel: {
    id: (payload) => payload.model,
    prepare: asGiven("RenameModel", async ({ model: id, name }, { project, state, checks }) => {
      if (state?.status === "active" && (state.name ?? id) !== name) await checks.takeModelName(project, name, id);
    }),
    serial: "project",
  },
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
  DescribeModel: { id: (payload) => payload.model, prepare: asGiven("DescribeModel") },
  SetModelTag: { id: (payload) => payload.model, prepare: asGiven("SetModelTag") },
  RemoveModelTag: { id: (payload) => payload.model, prepare: asGiven("RemoveModelTag") },
  DescribeModelVersion: { id: (payload) => payload.model, prepare: asGiven("DescribeModelVersion") },
  SetModelVersionTag: { id: (payload) => payload.model, prepare: asGiven("SetModelVersionTag") },
  RemoveModelVersionTag: { id: (payload) => payload.model, prepare: asGiven("RemoveModelVersionTag") },
  GiveApproval: { id: (payload) => payload.model, prepare: asGiven("GiveApproval") },
  TransitionStage: { id: (payload) => payload.model, prepare: judged, serial: "project" },
  RollBackStage: { id: (payload) => payload.model, prepare: asGiven("RollBackStage") },
  DeleteModelVersion: {
    id: (payload) => payload.model,
    prepare: asGiven("DeleteModelVersion", async (data, { project, checks }) => {
      await checks.checkUnused(project, { model: data.model, version: data.version });
    }),
    serial: "project",
  },
  ArchiveModel: {
    id: (payload) => payload.model,
    prepare: asGiven("ArchiveModel", async (data, { project, state, checks }) => {
      if (state?.status === "active") await checks.checkUnused(project, { aggregate: "model", id: data.model });
    }),
    serial: "project",
  },
});
