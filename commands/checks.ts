import type { DatasetColumn, DatasetFormat } from "../schemas/lifecycle/dataset.ts";
import type { DeploymentDefinition } from "../schemas/lifecycle/deployment.ts";
import type { EventSourceDefinition } from "../schemas/lifecycle/event-source.ts";
import type { FeatureViewDefinition } from "../schemas/lifecycle/feature-view.ts";
import type { GuardedStage, ModelRef, OutputChoice, Signature, Task } from "../schemas/lifecycle/model.ts";
import type { MonitorDefinition } from "../schemas/lifecycle/monitor.ts";
import type { PolicyDefinition } from "../schemas/lifecycle/policy.ts";
import type { TrainingSpec } from "../schemas/lifecycle/training-job.ts";
import type { Aggregate } from "../schemas/lifecycle.ts";
import type { FailedRule } from "./model/stages.ts";
import type { Candidate } from "./policy/candidate.ts";

/** What the bytes of a model say about it. `columns` and `task` are null where the file does not name them. */
export type InspectedModel = OutputChoice & {
  size: number;
  signature: Signature;
  columns: string[] | null;
  task: Task | null;
};

/** What the bytes of a dataset say about it. */
export type LoadedDataset = { size: number; rows: number; schema: DatasetColumn[]; profile: string };

/** SQL with `{name:Type}` for its parameters, or the name of a table. */
export type DatasetQuery = { query: string | null; table: string | null; parameters: Record<string, string> };

/**
 * What a command asks of the world outside its own aggregate, before it is decided. Each check resolves when all
 * is well and throws a coded error that names what is missing. `platformChecks` is the real implementation.
 *
 * A check reads; between it and the append another process may still change what was read. Within one process
 * the bus runs commands that need checks one at a time a project.
 */
export type Checks = {
  /** INVALID_FEATURE_VIEW, INVALID_EXPRESSION; ILLEGAL_STATE when a deployment uses a feature that would vanish. */
  planFeatureView(project: string, id: string, definition: FeatureViewDefinition): Promise<void>;
  /** Answers what is served, too, where the choice leaves it open. INVALID_MODEL, NOT_FOUND, CORRUPT_ARTIFACT. */
  inspectModel(artifact: string, choice: OutputChoice): Promise<InspectedModel>;
  /** How many bytes an artifact has. NOT_FOUND for one that is not stored. */
  findArtifact(digest: string): Promise<{ size: number }>;
  /** NOT_FOUND for source, view, feature or version; ILLEGAL_STATE; SIGNATURE_MISMATCH naming the columns. */
  checkDeployment(project: string, definition: DeploymentDefinition): Promise<void>;
  /**
   * Registers a topic's value schema and answers its id. With `check` it only asks whether it could be, and
   * answers 0. INCOMPATIBLE_SCHEMA, INVALID_SCHEMA.
   */
  registerSchema(project: string, topic: string, schema: string, check?: boolean): Promise<number>;
  /**
   * Whether a schema reads what the log of a topic holds, as the sources of the project that had the topic and the key
   * read it. INCOMPATIBLE_SCHEMA, naming the versions whose records it does not read.
   */
  checkLogReadable(project: string, topic: string, key: string, schema: string): Promise<void>;
  /** ALREADY_EXISTS when another event source owns the topic. Creates it otherwise. */
  ensureTopic(topic: string, definition: EventSourceDefinition, project: string): Promise<void>;
  /** Views and deployments of the source must still hold together with a new schema. */
  checkSchemaChange(project: string, source: string, schema: string): Promise<void>;
  checkTraining(project: string, spec: TrainingSpec): Promise<void>;
  checkMonitor(project: string, definition: MonitorDefinition): Promise<void>;
  /** ILLEGAL_STATE, naming the users, when something active in the project depends on it. */
  checkUnused(project: string, what: { aggregate: Aggregate; id: string } | ModelRef): Promise<void>;
  /** INVALID_EXPRESSION for its gate; ILLEGAL_STATE when it would lock everybody out. */
  checkPolicy(project: string, definition: PolicyDefinition): Promise<void>;
  /** The rules of the stage's policy that a version does not meet; none without a policy. */
  judgePromotion(project: string, stage: GuardedStage, candidate: Candidate): Promise<FailedRule[]>;
  /** NOT_FOUND; ILLEGAL_STATE for a deleted one. */
  checkExperiment(project: string, experiment: string): Promise<void>;
  /**
   * Makes a stored file a table of the warehouse, unless it is one already, and says what is in it. NOT_FOUND,
   * INVALID_DATASET naming row and column, WAREHOUSE_FAILED.
   */
  loadDataset(project: string, artifact: string, format: DatasetFormat): Promise<LoadedDataset>;
  /**
   * Stores the rows that a query of the warehouse, or one of its tables, has for the project now; `text` says what was
   * asked. BAD_REQUEST, FORBIDDEN for what is not the project's, INVALID_DATASET, DATASET_TOO_LARGE.
   */
  snapshotDataset(project: string, asked: DatasetQuery): Promise<{ digest: string; text: string }>;
  /** NOT_FOUND. */
  checkRun(project: string, run: string): Promise<void>;
  /**
   * Takes a name for the experiment that is about to have it. ALREADY_EXISTS, saying whether its holder is deleted;
   * CONFLICT while another process is at it.
   */
  takeExperimentName(project: string, name: string, experiment: string): Promise<void>;
  /** The same of a model; an archived one has given its name up. */
  takeModelName(project: string, name: string, model: string): Promise<void>;
};
