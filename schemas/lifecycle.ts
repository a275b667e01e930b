/**
 * Every lifecycle event that a release has written, at its newest version. Older versions are brought here
 * by `schemas/upcasters.ts`. Stream of an aggregate: `<aggregate>-<project>/<id>` (`streamName`).
 * Times are UTC milliseconds, durations milliseconds.
 */
export type Event<Type extends string, Data> = {
  readonly type: Type;
  readonly data: Data;
  /** Who: of an event that is read, the actor of its metadata. Never written with the data. */
  readonly by?: string;
};

export type Role = "Admin" | "Data_Scientist" | "Regular_User";

export type ProjectEvent =
  | Event<"ProjectCreated", { name: string; description: string }>
  | Event<"ProjectRenamed", { name: string }>
  | Event<"MemberGranted", { member: string; role: Role }>
  | Event<"MemberRevoked", { member: string }>;

/** A topic of the world's events. Sources with the same `key` and `partitions` are co-partitioned. */
export type EventSourceDefinition = {
  topic: string;
  /** Avro record schema, JSON. */
  schema: string;
  schemaId: number;
  /** Field whose value is the message key. */
  key: string;
  /** Field (long, milliseconds) that is the event time. */
  timestamp: string;
  partitions: number;
  maxRecordBytes: number;
  /** null keeps for ever. */
  retentionMs: number | null;
};

export type EventSourceEvent =
  | Event<"EventSourceCreated", EventSourceDefinition>
  | Event<"EventSourceSchemaChanged", { schema: string; schemaId: number }>
  | Event<"EventSourceArchived", Record<string, never>>;

export type AggregateFunction =
  | "count"
  | "sum"
  | "mean"
  | "min"
  | "max"
  | "variance"
  | "last"
  | "distinct"
  | "quantile"
  | "rate";

export type FeatureDefinition = {
  name: string;
  /** Event source whose events feed it. */
  source: string;
  function: AggregateFunction;
  /** CEL over `event` and `time`; a number (string, too, for `distinct`). Absent for `count` and `rate`. */
  value?: string;
  /** CEL, bool: which events count. All without it. */
  where?: string;
  /** Sawtooth window length; null for `last` without a window. */
  windowMs: number | null;
  /** For `quantile`, in (0, 1). */
  quantile?: number;
};

export type FeatureViewDefinition = {
  /** `key`: the fields that identify the entity, present in every source of the view. */
  entity: { name: string; key: string[] };
  features: FeatureDefinition[];
  /** An event this much older than the newest one seen is dropped and counted. */
  allowedLatenessMs: number;
  /** An entity not touched for so long is forgotten at read time; null never. */
  ttlMs: number | null;
};

export type FeatureViewEvent =
  | Event<"FeatureViewCreated", { definition: FeatureViewDefinition }>
  | Event<"FeatureViewChanged", { version: number; definition: FeatureViewDefinition }>
  | Event<"FeatureViewArchived", Record<string, never>>;

export type TensorInfo = { name: string; type: string /** -1 where dynamic. */; shape: number[] };
export type Signature = { inputs: TensorInfo[]; outputs: TensorInfo[] };
export type Task = "binary" | "regression";
export type ModelRef = { model: string; version: number };

/** Where a version came from. `code` is free text (a commit, a notebook). */
export type Lineage = {
  trainingJob: string | null;
  /** Event-time range of the training set: from inclusive, to exclusive. */
  from: number | null;
  to: number | null;
  rows: number | null;
  sources: string[];
  views: { view: string; version: number }[];
  /** Next offset by `topic/partition` up to which the log was folded. */
  positions: Record<string, number>;
  code: string | null;
  run: string | null;
  datasets: { dataset: string; version: number }[];
};

export type ModelVersionDefinition = {
  version: number;
  /** Only ONNX can be deployed; of another format (a pickle, say) size, signature and columns may be empty. */
  format: "onnx" | "other";
  /** SHA-256 of the ONNX file; null only where the format is another. */
  artifact: string | null;
  size: number;
  signature: Signature;
  /** null only where the format is another. */
  task: Task | null;
  /** Names of the input columns in tensor order. */
  columns: string[];
  metrics: Record<string, number>;
  /** SHA-256 of the reference profile (`ml/drift/profile.ts`), or null. */
  profile: string | null;
  lineage: Lineage;
  /** URI of what was registered, as its client named it. */
  source: string | null;
  /** The run that it was registered from. */
  run: string | null;
};

export type ServableVersion = ModelVersionDefinition & { format: "onnx"; artifact: string; task: Task };

export const isServable = (definition: ModelVersionDefinition): definition is ServableVersion =>
  definition.format === "onnx";

export type Stage = "None" | "Staging" | "Production" | "Archived";

/** The stages that a policy can guard. */
export type GuardedStage = "Staging" | "Production";

/** `admin`: the actor was an administrator of the platform, who counts as Admin of the project. */
type Decided = { version: number; comment: string; admin?: true };

export type ModelEvent =
  | Event<"ModelRegistered", { description: string }>
  | Event<"ModelVersionCreated", ModelVersionDefinition>
  | Event<"ModelVersionApproved", Decided>
  | Event<"ModelVersionRejected", { version: number; comment: string }>
  | Event<"ModelAliasSet", { alias: string; version: number }>
  | Event<"ModelAliasRemoved", { alias: string }>
  | Event<"ModelArchived", Record<string, never>>
  | Event<"ModelDescribed", { description: string }>
  | Event<"ModelTagSet", { key: string; value: string }>
  | Event<"ModelTagRemoved", { key: string }>
  | Event<"ModelVersionDescribed", { version: number; description: string }>
  | Event<"ModelVersionTagSet", { version: number; key: string; value: string }>
  | Event<"ModelVersionTagRemoved", { version: number; key: string }>
  | Event<"ModelVersionApprovalGiven", Decided & { stage: GuardedStage }>
  | Event<
      "ModelVersionStageChanged",
      {
        version: number;
        stage: Stage;
        from: Stage;
        /** The versions that held the stage until then and were archived with it. */
        archived: number[];
        rollback: boolean;
        comment: string;
      }
    >
  | Event<"ModelVersionDeleted", { version: number }>;

export type LineageKind = "run" | "dataset" | "training-job" | "code";

/** What a version must show before it may enter the stage. Its stream's id is the stage. */
export type PolicyDefinition = {
  stage: GuardedStage;
  /** How many people must have approved. */
  approvals: number;
  /** Roles whose approval counts. */
  roles: Role[];
  /** Who made the version does not count among them. */
  fourEyes: boolean;
  /** CEL, bool, over the version's metrics and the champion's: `ml/cel/gate.ts`. */
  gate: string | null;
  /** Kinds of origin that the version must name. */
  lineage: LineageKind[];
};

export type PolicyEvent = Event<"PolicySet", PolicyDefinition> | Event<"PolicyRemoved", Record<string, never>>;

/**
 * One input of a model. `from` is `event.<field>`, `<view>:<feature>`, or else a CEL expression over
 * `event` and `time` that yields a number or bool.
 */
export type Column = { name: string; from: string };

export type Variant = "champion" | "challenger" | "shadow";

/** Shares of champion and challengers sum to 1; a shadow scores everything, answers nothing, has share 0. */
export type TrafficSplit = (ModelRef & { variant: Variant; share: number })[];

/** How outcomes are recognised. `key` fields are in the trigger and in the outcome source. */
export type OutcomeDefinition = {
  source: string;
  key: string[];
  /** CEL over the outcome event: number, or bool for a binary task. */
  value: string;
  /** A prediction waits so long in event time. */
  horizonMs: number;
};

export type DeploymentDefinition = {
  /** Event source whose events ask for predictions. */
  trigger: string;
  columns: Column[];
  split: TrafficSplit;
  outcome: OutcomeDefinition | null;
  /** For a binary task: positive at or above it. */
  threshold: number;
};

export type DeploymentEvent =
  | Event<"DeploymentCreated", DeploymentDefinition>
  | Event<"TrafficChanged", { split: TrafficSplit }>
  | Event<"DeploymentStopped", Record<string, never>>;

export type DriftStatistic = "psi" | "js" | "ks" | "wasserstein";

export type MonitorDefinition =
  | {
      kind: "drift";
      deployment: string;
      statistic: DriftStatistic;
      threshold: number;
      /** Columns watched; all, and the output `prediction`, when empty. */
      columns: string[];
      /** Length of the compared window in event time, a multiple of the tile (1 h). */
      windowMs: number;
      /** Fewer rows than this in a window are not judged. */
      minRows: number;
    }
  | {
      kind: "error";
      deployment: string;
      /** Page-Hinkley (River's defaults: 30, 0.005, 50, 0.9999). */
      minInstances: number;
      delta: number;
      lambda: number;
      alpha: number;
    };

export type MonitorEvent = Event<"MonitorCreated", MonitorDefinition> | Event<"MonitorDeleted", Record<string, never>>;

export type AlertDefinition = {
  monitor: string;
  deployment: string;
  model: string;
  version: number;
  column: string;
  statistic: string;
  value: number;
  threshold: number;
  /** Event-time window that was judged. */
  from: number;
  to: number;
  rows: number;
  message: string;
};

export type AlertEvent =
  | Event<"AlertRaised", AlertDefinition>
  | Event<"AlertAcknowledged", { comment: string }>
  | Event<"AlertResolved", { comment: string }>;

export type BoostingParameters = {
  trees: number;
  learningRate: number;
  maxLeaves: number;
  maxDepth: number;
  minLeafRows: number;
  l2: number;
  bins: number;
  /** Newest share of the rows by event time that is held out for early stopping and metrics; in (0, 1). */
  validationShare: number;
  /** Stop when the validation loss has not improved for so many trees; 0 never stops. */
  earlyStoppingRounds: number;
  seed: number;
};

export type TrainingSpec = {
  /** Model that gets the new version. */
  model: string;
  task: Task;
  trigger: string;
  columns: Column[];
  label: OutcomeDefinition;
  /** Event time of the trigger: from inclusive, to exclusive. */
  from: number;
  to: number;
  algorithm: "gradient-boosting";
  parameters: BoostingParameters;
  /** Metrics are also taken over the triggers of this later event-time range: `evaluation.auc` and so on. */
  evaluation?: { from: number; to: number } | null;
};

export type TrainingJobEvent =
  | Event<"TrainingJobSubmitted", TrainingSpec>
  | Event<"TrainingJobStarted", { worker: string; attempt: number }>
  | Event<"TrainingJobProgressed", { phase: string; done: number; total: number; message: string }>
  | Event<"TrainingJobCompleted", { version: number; rows: number; metrics: Record<string, number> }>
  | Event<"TrainingJobFailed", { code: string; message: string }>
  | Event<"TrainingJobCancelled", Record<string, never>>;

export type ExperimentEvent =
  | Event<"ExperimentCreated", { name: string; artifactLocation: string | null; tags: Record<string, string> }>
  | Event<"ExperimentRenamed", { name: string }>
  | Event<"ExperimentTagSet", { key: string; value: string }>
  | Event<"ExperimentTagDeleted", { key: string }>
  | Event<"ExperimentDeleted", Record<string, never>>
  | Event<"ExperimentRestored", Record<string, never>>;

export type RunStatus = "RUNNING" | "SCHEDULED" | "FINISHED" | "FAILED" | "KILLED";

/** A dataset as a run names it, known by name and digest. */
export type RunDataset = {
  name: string;
  digest: string;
  sourceType: string;
  source: string;
  schema: string | null;
  profile: string | null;
  tags: Record<string, string>;
};

/** A logged model that a run has written, at a step of its training. */
export type RunOutput = { model: string; step: number };

/** A file of a run or logged model, under its root. One stored later at the same path takes its place. */
export type ArtifactFile = {
  path: string;
  /** SHA-256 of its bytes. */
  digest: string;
  /** Bytes. */
  size: number;
};

/** A run begins as RUNNING. Its metric points are no lifecycle: they go through a topic. */
export type RunEvent =
  | Event<
      "RunCreated",
      { experiment: string; name: string; user: string; startTime: number; tags: Record<string, string> }
    >
  | Event<"RunUpdated", { status?: RunStatus; endTime?: number | null; name?: string }>
  | Event<"RunParamsLogged", { params: Record<string, string> }>
  | Event<"RunTagsSet", { tags: Record<string, string> }>
  | Event<"RunTagDeleted", { key: string }>
  | Event<"RunInputsLogged", { datasets: RunDataset[]; models: string[] }>
  | Event<"RunOutputsLogged", { models: RunOutput[] }>
  | Event<"RunArtifactStored", ArtifactFile>
  /** The file at the path and all below it; all files where it is empty. */
  | Event<"RunArtifactsDeleted", { path: string }>
  | Event<"RunDeleted", Record<string, never>>
  | Event<"RunRestored", Record<string, never>>;

export type LoggedModelDefinition = {
  experiment: string;
  name: string;
  /** The run that logged it. */
  run: string | null;
  modelType: string | null;
  params: Record<string, string>;
  tags: Record<string, string>;
};

/** A model that a run has logged; it is not registered by that. It begins as pending. */
export type LoggedModelEvent =
  | Event<"LoggedModelCreated", LoggedModelDefinition>
  | Event<"LoggedModelFinalized", { status: "READY" | "UPLOAD_FAILED" }>
  | Event<"LoggedModelParamsLogged", { params: Record<string, string> }>
  | Event<"LoggedModelTagsSet", { tags: Record<string, string> }>
  | Event<"LoggedModelTagDeleted", { key: string }>
  | Event<"LoggedModelArtifactStored", ArtifactFile>
  | Event<"LoggedModelArtifactsDeleted", { path: string }>
  | Event<"LoggedModelDeleted", Record<string, never>>;

export type DatasetFormat = "csv" | "json" | "parquet" | "avro" | "query";

/** A column of a dataset's table, with its ClickHouse type. */
export type DatasetColumn = { name: string; type: string };

/** Where the rows came from: a file, or what a table or query of the warehouse held then. `text` is its name or SQL. */
export type DatasetSource = { kind: "upload" | "table" | "query"; text: string | null };

export type DatasetVersionDefinition = {
  version: number;
  /** SHA-256 of the bytes; for a query, of its rows. */
  digest: string;
  format: DatasetFormat;
  /** Bytes. */
  size: number;
  rows: number;
  schema: DatasetColumn[];
  /** SHA-256 of the profile, JSON. */
  profile: string | null;
  source: DatasetSource;
};

export type DatasetEvent =
  | Event<"DatasetCreated", { description: string }>
  | Event<"DatasetVersionCreated", DatasetVersionDefinition>
  | Event<"DatasetTagSet", { key: string; value: string }>
  | Event<"DatasetTagRemoved", { key: string }>
  | Event<"DatasetArchived", Record<string, never>>;

export type LifecycleEvent =
  | ProjectEvent
  | EventSourceEvent
  | FeatureViewEvent
  | ModelEvent
  | DeploymentEvent
  | MonitorEvent
  | AlertEvent
  | TrainingJobEvent
  | ExperimentEvent
  | RunEvent
  | LoggedModelEvent
  | DatasetEvent
  | PolicyEvent;

export type Aggregate =
  | "project"
  | "event-source"
  | "feature-view"
  | "model"
  | "deployment"
  | "monitor"
  | "alert"
  | "training-job"
  | "experiment"
  | "run"
  | "logged-model"
  | "dataset"
  | "policy";

export const aggregates: readonly Aggregate[] = [
  "project",
  "event-source",
  "feature-view",
  "model",
  "deployment",
  "monitor",
  "alert",
  "training-job",
  "experiment",
  "run",
  "logged-model",
  "dataset",
  "policy",
];

export const streamName = (aggregate: Aggregate, project: string, id: string): string =>
  `${aggregate}-${project}/${id}`;

/** Inverse of `streamName`; null for a stream that is not an aggregate's. */
export const parseStreamName = (stream: string): { aggregate: Aggregate; project: string; id: string } | null => {
  const slash = stream.indexOf("/");
  if (slash < 0) return null;
  const head = stream.slice(0, slash);
  const aggregate = aggregates.find((name) => head.startsWith(`${name}-`));
  return aggregate === undefined
    ? null
    : { aggregate, project: head.slice(aggregate.length + 1), id: stream.slice(slash + 1) };
};
