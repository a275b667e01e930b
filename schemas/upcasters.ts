import { MillraceError } from "./errors.ts";
import type { EventSourceDefinition } from "./lifecycle/event-source.ts";
import type { ModelVersionDefinition, OutputChoice } from "./lifecycle/model.ts";
import type { MonitorDefinition } from "./lifecycle/monitor.ts";
import type { LifecycleEvent } from "./lifecycle.ts";

/** Brings an event's data from one version to the next. Total over what that version's release wrote. */
type Upcaster = (data: unknown) => unknown;

/**
 * Every event type with its steps: `steps[0]` leads from version 1 to 2, and so on, so that the newest
 * version is `steps.length + 1`. A step is never changed after a release: `test/histories/` holds it to that.
 */
const steps: Record<LifecycleEvent["type"], readonly Upcaster[]> = {
  ProjectCreated: [],
  ProjectRenamed: [],
  MemberGranted: [],
  MemberRevoked: [],
  EventSourceCreated: [
    // Version 1 had one limit for the whole broker, Kafka's default of 1 MiB.
    (data) => ({ maxRecordBytes: 1_048_576, ...(data as Omit<EventSourceDefinition, "maxRecordBytes">) }),
  ],
  EventSourceSchemaChanged: [],
  EventSourceArchived: [],
  FeatureViewCreated: [],
  FeatureViewChanged: [],
  FeatureViewArchived: [],
  ModelRegistered: [],
  ModelVersionCreated: [
    // Version 1 knew ONNX only, and no runs nor datasets.
    (data) => {
      const { lineage, ...version } = data as Omit<
        ModelVersionDefinition,
        "format" | "source" | "run" | keyof OutputChoice
      >;
      const origin = { ...lineage, run: null, datasets: [] };
      return { ...version, format: "onnx", lineage: origin, source: null, run: null };
    },
    // Version 2 left it to the file which output is the prediction.
    (data) => ({ ...(data as Omit<ModelVersionDefinition, keyof OutputChoice>), output: null, outputIndex: null }),
  ],
  ModelVersionApproved: [],
  ModelVersionRejected: [],
  ModelAliasSet: [],
  ModelAliasRemoved: [],
  ModelArchived: [],
  ModelDescribed: [],
  ModelRenamed: [],
  ModelTagSet: [],
  ModelTagRemoved: [],
  ModelVersionDescribed: [],
  ModelVersionTagSet: [],
  ModelVersionTagRemoved: [],
  ModelVersionApprovalGiven: [],
  ModelVersionStageChanged: [],
  ModelVersionDeleted: [],
  DeploymentCreated: [],
  TrafficChanged: [],
  DeploymentStopped: [],
  MonitorCreated: [
    // Version 1 let a monitor choose its tile, which is one hour for all since, and judged windows of any size.
    (data) => {
      const { tileMs: _, ...rest } = data as MonitorDefinition & { tileMs?: number };
      return rest.kind === "drift" ? { ...rest, minRows: 500 } : rest;
    },
  ],
  MonitorDeleted: [],
  AlertRaised: [],
  AlertAcknowledged: [],
  AlertResolved: [],
  TrainingJobSubmitted: [],
  TrainingJobStarted: [],
  TrainingJobProgressed: [],
  TrainingJobCompleted: [],
  TrainingJobFailed: [],
  TrainingJobCancelled: [],
  ExperimentCreated: [],
  ExperimentRenamed: [],
  ExperimentTagSet: [],
  ExperimentTagDeleted: [],
  ExperimentDeleted: [],
  ExperimentRestored: [],
  RunCreated: [],
  RunUpdated: [],
  RunParamsLogged: [],
  RunTagsSet: [],
  RunTagDeleted: [],
  RunInputsLogged: [],
  RunOutputsLogged: [],
  RunArtifactStored: [],
  RunArtifactsDeleted: [],
  RunDeleted: [],
  RunRestored: [],
  LoggedModelCreated: [],
  LoggedModelFinalized: [],
  LoggedModelParamsLogged: [],
  LoggedModelTagsSet: [],
  LoggedModelTagDeleted: [],
  LoggedModelArtifactStored: [],
  LoggedModelArtifactsDeleted: [],
  LoggedModelDeleted: [],
  DatasetCreated: [],
  DatasetVersionCreated: [],
  DatasetTagSet: [],
  DatasetTagRemoved: [],
  DatasetArchived: [],
  PolicySet: [],
  PolicyRemoved: [],
};

const known = (type: string): type is LifecycleEvent["type"] => Object.hasOwn(steps, type);

export const eventTypes = Object.keys(steps) as LifecycleEvent["type"][];

/** Whether this release reads events of the type at the version that they were written at. */
export const isReadable = (type: string, schemaVersion: number): boolean =>
  known(type) && Number.isInteger(schemaVersion) && schemaVersion >= 1 && schemaVersion <= steps[type].length + 1;

/** The version at which this release writes an event type, from 1. UNKNOWN_EVENT. */
export const currentVersion = (type: string): number => {
  if (!known(type)) {
    throw new MillraceError("UNKNOWN_EVENT", `event type "${type}" is not known to this release; upgrade Millrace`);
  }
  return steps[type].length + 1;
};

/**
 * An event's data at the newest version of its type. Every reader of lifecycle events goes through here.
 * UNKNOWN_EVENT for a type that is not known, or a version that only a later release can read.
 */
export const upcast = (type: string, schemaVersion: number, data: unknown): unknown => {
  const newest = currentVersion(type);
  if (schemaVersion === newest) return data;
  if (!isReadable(type, schemaVersion)) {
    throw new MillraceError(
      "UNKNOWN_EVENT",
      `event ${type} has version ${schemaVersion}; this release reads 1 to ${newest}; upgrade Millrace`,
    );
  }
  return steps[type as LifecycleEvent["type"]].slice(schemaVersion - 1).reduce((value, step) => step(value), data);
};
