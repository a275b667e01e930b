import type { z } from "zod";
import { type CommandType, commandTypes, payloads } from "../../commands/payloads.ts";
import type { Aggregate } from "../../schemas/lifecycle.ts";
import { builder } from "../builder.ts";
import type { GraphContext } from "../context.ts";
import { inputObject, toPayload } from "./inputs.ts";
import { type Answer, results } from "./results.ts";

/** Which aggregate a command is for. */
const aggregateOf: Record<CommandType, Aggregate> = {
  CreateProject: "project",
  RenameProject: "project",
  GrantRole: "project",
  RevokeRole: "project",
  CreateEventSource: "event-source",
  ChangeEventSourceSchema: "event-source",
  ArchiveEventSource: "event-source",
  CreateFeatureView: "feature-view",
  ChangeFeatureView: "feature-view",
  ArchiveFeatureView: "feature-view",
  RegisterModel: "model",
  CreateModelVersion: "model",
  ApproveModelVersion: "model",
  RejectModelVersion: "model",
  SetModelAlias: "model",
  RemoveModelAlias: "model",
  ArchiveModel: "model",
  DescribeModel: "model",
  RenameModel: "model",
  SetModelTag: "model",
  RemoveModelTag: "model",
  DescribeModelVersion: "model",
  SetModelVersionTag: "model",
  RemoveModelVersionTag: "model",
  GiveApproval: "model",
  TransitionStage: "model",
  RollBackStage: "model",
  DeleteModelVersion: "model",
  SetPolicy: "policy",
  RemovePolicy: "policy",
  CreateDeployment: "deployment",
  ChangeTraffic: "deployment",
  StopDeployment: "deployment",
  CreateMonitor: "monitor",
  DeleteMonitor: "monitor",
  RaiseAlert: "alert",
  AcknowledgeAlert: "alert",
  ResolveAlert: "alert",
  SubmitTrainingJob: "training-job",
  StartTrainingJob: "training-job",
  ReportTrainingProgress: "training-job",
  CompleteTrainingJob: "training-job",
  FailTrainingJob: "training-job",
  CancelTrainingJob: "training-job",
  CreateExperiment: "experiment",
  RenameExperiment: "experiment",
  SetExperimentTag: "experiment",
  DeleteExperimentTag: "experiment",
  DeleteExperiment: "experiment",
  RestoreExperiment: "experiment",
  CreateRun: "run",
  UpdateRun: "run",
  LogRunBatch: "run",
  DeleteRunTag: "run",
  LogRunInputs: "run",
  LogRunOutputs: "run",
  StoreRunArtifact: "run",
  DeleteRunArtifacts: "run",
  DeleteRun: "run",
  RestoreRun: "run",
  CreateLoggedModel: "logged-model",
  FinalizeLoggedModel: "logged-model",
  LogLoggedModelParams: "logged-model",
  SetLoggedModelTags: "logged-model",
  DeleteLoggedModelTag: "logged-model",
  StoreLoggedModelArtifact: "logged-model",
  DeleteLoggedModelArtifacts: "logged-model",
  DeleteLoggedModel: "logged-model",
  CreateDataset: "dataset",
  CreateDatasetVersion: "dataset",
  CreateDatasetFromQuery: "dataset",
  SetDatasetTag: "dataset",
  RemoveDatasetTag: "dataset",
  ArchiveDataset: "dataset",
};

const fieldName = (type: string): string => type.charAt(0).toLowerCase() + type.slice(1);

type Arguments = {
  input: Record<string, unknown>;
  project?: string | null;
  idempotencyKey?: string | null;
  reason?: string | null;
};

const dispatch = async (
  type: CommandType,
  { input, project: given, idempotencyKey, reason }: Arguments,
  context: GraphContext,
): Promise<Answer> => {
  const payload = toPayload(payloads[type], input) as Record<string, unknown>;
  const project = given ?? String(payload.id);
  const result = await context.deps.commands.dispatch({
    type,
    project,
    payload,
    actor: context.actor,
    correlationId: context.correlationId,
    idempotencyKey: idempotencyKey ?? undefined,
    reason: reason ?? (typeof payload.reason === "string" ? payload.reason : undefined),
  });
  const version = result.version ?? (typeof payload.version === "number" ? payload.version : null);
  return { result, project, version };
};

for (const type of commandTypes) {
  const shape: z.ZodType = payloads[type];
  const input = inputObject(shape, `${type}Input`);
  builder.mutationField(fieldName(type), (t) =>
    t.field({
      type: results[aggregateOf[type]],
      args: {
        ...(type === "CreateProject" ? {} : { project: t.arg.string({ required: true }) }),
        input: t.arg({ type: input as never, required: true }),
        idempotencyKey: t.arg.string({ description: "A retry with the same key answers as the first time." }),
        ...("reason" in payloads[type].shape ? {} : { reason: t.arg.string({ description: "Kept with the event." }) }),
      },
      resolve: (_, args, context) => dispatch(type, args as unknown as Arguments, context),
    }),
  );
}
