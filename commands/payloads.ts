import { z } from "zod";
import * as data from "./dataset/fields.ts";
import * as define from "./definitions.ts";
import {
  count,
  description,
  digest,
  duration,
  fieldName,
  instant,
  member,
  modelAlias,
  modelName,
  name,
  slug,
  statement,
  text,
  topic,
  version,
} from "./fields.ts";
import * as track from "./tracking.ts";

/** The payload of every command, by command type. The project comes with the request, not with the payload. */
export const payloads = {
  CreateProject: z.strictObject({ id: slug, name, description: text.default("") }),
  RenameProject: z.strictObject({ name }),
  GrantRole: z.strictObject({ member, role: define.role }),
  RevokeRole: z.strictObject({ member }),

  CreateEventSource: z.strictObject({
    id: slug,
    topic,
    schema: z.string().min(2).max(1_000_000),
    key: fieldName,
    timestamp: fieldName,
    partitions: z.int().min(1).max(1024).optional(),
    maxRecordBytes: z.int().min(64).max(67_108_864).default(1_048_576),
    retentionMs: duration.nullable().default(null),
  }),
  ChangeEventSourceSchema: z.strictObject({ id: slug, schema: z.string().min(2).max(1_000_000) }),
  ArchiveEventSource: z.strictObject({ id: slug }),

  CreateFeatureView: z.strictObject({ id: slug, definition: define.featureViewDefinition }),
  ChangeFeatureView: z.strictObject({ id: slug, definition: define.featureViewDefinition }),
  ArchiveFeatureView: z.strictObject({ id: slug }),

  /** Its name is its id without one. */
  RegisterModel: z.strictObject({ id: modelName, name: modelName.optional(), description: description.default("") }),
  RenameModel: z.strictObject({ model: modelName, name: modelName }),
  CreateModelVersion: z.strictObject({
    model: modelName,
    format: z.enum(["onnx", "other"]).default("onnx"),
    /** Needed for ONNX. */
    artifact: define.artifact.nullable().default(null),
    /** Read from the ONNX file's metadata without it; so are `columns`. */
    task: define.task.optional(),
    columns: z.array(z.string().min(1).max(128)).min(1).max(1000).optional(),
    /** Of the model's outputs the one that is the prediction, and which of its values; what the file shows without. */
    output: z.string().min(1).max(1000).nullable().default(null),
    outputIndex: z.int().min(0).max(1_000_000).nullable().default(null),
    metrics: define.metrics.default({}),
    profile: digest.nullable().default(null),
    lineage: define.lineage.prefault({}),
    source: track.location.nullable().default(null),
    run: track.runId.nullable().default(null),
    /** A run that is not of this project: of another tracking server. Nothing is known of it but its id. */
    foreignRun: track.foreignRun.nullable().default(null),
    /** Whether a version of the same definition, where there is one, is answered instead of a new one. */
    reuse: z.boolean().default(true),
  }),
  ApproveModelVersion: z.strictObject({ model: modelName, version, comment: statement }),
  RejectModelVersion: z.strictObject({ model: modelName, version, comment: statement }),
  SetModelAlias: z.strictObject({ model: modelName, alias: modelAlias, version }),
  RemoveModelAlias: z.strictObject({ model: modelName, alias: z.string().min(1).max(255) }),
  ArchiveModel: z.strictObject({ model: modelName }),
  DescribeModel: z.strictObject({ model: modelName, description }),
  SetModelTag: z.strictObject({ model: modelName, key: track.key, value: track.registryTagValue }),
  RemoveModelTag: z.strictObject({ model: modelName, key: track.key }),
  DescribeModelVersion: z.strictObject({ model: modelName, version, description }),
  SetModelVersionTag: z.strictObject({ model: modelName, version, key: track.key, value: track.registryTagValue }),
  RemoveModelVersionTag: z.strictObject({ model: modelName, version, key: track.key }),
  /** Counts for one stage, where its policy asks for approvals. */
  GiveApproval: z.strictObject({ model: modelName, version, stage: define.guardedStage, comment: text.default("") }),
  TransitionStage: z.strictObject({
    model: modelName,
    version,
    stage: define.stage,
    archiveExisting: z.boolean().default(true),
    comment: text.default(""),
    /** The version that the caller saw holding the stage, null for none: refused when it is another by now. */
    expectedChampion: version.nullable().optional(),
  }),
  /** To the version that held the stage before, or to any earlier one. */
  RollBackStage: z.strictObject({
    model: modelName,
    stage: define.guardedStage,
    to: version.optional(),
    comment: statement,
  }),
  DeleteModelVersion: z.strictObject({ model: modelName, version }),

  SetPolicy: define.policy,
  RemovePolicy: z.strictObject({ stage: define.guardedStage }),

  CreateDeployment: z.strictObject({
    id: slug,
    trigger: slug,
    columns: define.columns,
    split: define.trafficSplit,
    outcome: define.outcomeDefinition.nullable().default(null),
    threshold: z.number().default(0.5),
  }),
  ChangeTraffic: z.strictObject({ id: slug, split: define.trafficSplit, reason: text.default("") }),
  StopDeployment: z.strictObject({ id: slug, reason: text.default("") }),

  CreateMonitor: z.strictObject({ id: slug, definition: define.monitorDefinition }),
  DeleteMonitor: z.strictObject({ id: slug }),

  RaiseAlert: z.strictObject({ id: slug, definition: define.alertDefinition }),
  AcknowledgeAlert: z.strictObject({ id: slug, comment: text.default("") }),
  ResolveAlert: z.strictObject({ id: slug, comment: text.default("") }),

  /** The id is made up without one: from the idempotency key where there is one, so that a retry finds its job. */
  SubmitTrainingJob: z.strictObject({ id: slug.optional(), spec: define.trainingSpec }),
  StartTrainingJob: z.strictObject({ id: slug, worker: name, attempt: z.int().min(1).max(100) }),
  ReportTrainingProgress: z.strictObject({
    id: slug,
    phase: name,
    done: count,
    total: count,
    message: text.default(""),
  }),
  CompleteTrainingJob: z.strictObject({ id: slug, version, rows: count, metrics: define.metrics }),
  FailTrainingJob: z.strictObject({ id: slug, code: name, message: text }),
  CancelTrainingJob: z.strictObject({ id: slug }),

  CreateExperiment: z.strictObject({
    id: track.experimentId.optional(),
    name: track.experimentName,
    artifactLocation: track.location.nullable().default(null),
    tags: track.tags.default({}),
  }),
  RenameExperiment: z.strictObject({ id: track.experimentId, name: track.experimentName }),
  SetExperimentTag: z.strictObject({ id: track.experimentId, key: track.key, value: track.experimentTagValue }),
  DeleteExperimentTag: z.strictObject({ id: track.experimentId, key: track.key }),
  DeleteExperiment: z.strictObject({ id: track.experimentId }),
  RestoreExperiment: z.strictObject({ id: track.experimentId }),

  CreateRun: z.strictObject({
    id: track.runId.optional(),
    experiment: track.experimentId,
    name: track.title,
    user: track.user.default(""),
    startTime: instant,
    tags: track.tags.default({}),
  }),
  UpdateRun: z.strictObject({
    id: track.runId,
    status: track.runStatus.optional(),
    endTime: instant.nullable().optional(),
    name: track.title.optional(),
  }),
  /** Parameters and tags in one step: all of them or, when one is refused, none. */
  LogRunBatch: z.strictObject({ id: track.runId, params: track.params.default({}), tags: track.tags.default({}) }),
  DeleteRunTag: z.strictObject({ id: track.runId, key: track.key }),
  LogRunInputs: z.strictObject({
    id: track.runId,
    datasets: z.array(track.runDataset).max(1000).default([]),
    models: z.array(track.loggedModelId).max(1000).default([]),
  }),
  LogRunOutputs: z.strictObject({ id: track.runId, models: z.array(track.runOutput).min(1).max(1000) }),
  /** A file of the run: bytes that are stored as an artifact get a path. */
  StoreRunArtifact: z.strictObject({ id: track.runId, path: track.artifactPath, artifact: digest }),
  DeleteRunArtifacts: z.strictObject({ id: track.runId, path: track.artifactPlace }),
  DeleteRun: z.strictObject({ id: track.runId }),
  RestoreRun: z.strictObject({ id: track.runId }),

  CreateLoggedModel: z.strictObject({
    id: track.loggedModelId.optional(),
    experiment: track.experimentId,
    name: track.loggedModelName,
    run: track.runId.nullable().default(null),
    modelType: track.title.nullable().default(null),
    params: track.params.default({}),
    tags: track.tags.default({}),
  }),
  FinalizeLoggedModel: z.strictObject({ id: track.loggedModelId, status: z.enum(["READY", "UPLOAD_FAILED"]) }),
  LogLoggedModelParams: z.strictObject({ id: track.loggedModelId, params: track.params }),
  SetLoggedModelTags: z.strictObject({ id: track.loggedModelId, tags: track.tags }),
  DeleteLoggedModelTag: z.strictObject({ id: track.loggedModelId, key: track.key }),
  StoreLoggedModelArtifact: z.strictObject({ id: track.loggedModelId, path: track.artifactPath, artifact: digest }),
  DeleteLoggedModelArtifacts: z.strictObject({ id: track.loggedModelId, path: track.artifactPlace }),
  DeleteLoggedModel: z.strictObject({ id: track.loggedModelId }),

  CreateDataset: z.strictObject({ id: slug, description: text.default("") }),
  /** Of a file that is stored as an artifact. It makes the dataset where there is none of that name. */
  CreateDatasetVersion: z.strictObject({ dataset: slug, artifact: digest, format: data.fileFormat }),
  /** Of what a query, or a whole table, of the warehouse holds now. */
  CreateDatasetFromQuery: data.datasetQuery,
  SetDatasetTag: z.strictObject({ dataset: slug, key: track.key, value: track.tagValue }),
  RemoveDatasetTag: z.strictObject({ dataset: slug, key: track.key }),
  ArchiveDataset: z.strictObject({ dataset: slug }),
};

export type CommandType = keyof typeof payloads;

export const commandTypes = Object.keys(payloads) as CommandType[];

/** A payload as a caller may write it: fields with defaults are optional. */
export type PayloadInput<Type extends CommandType> = z.input<(typeof payloads)[Type]>;

/** A payload as deciders see it: complete. */
export type Payload<Type extends CommandType> = z.output<(typeof payloads)[Type]>;

export type Command<Type extends CommandType> = { readonly type: Type; readonly data: Payload<Type> };
