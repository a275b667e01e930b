import type {
  Aggregate,
  DeploymentDefinition,
  EventSourceDefinition,
  FeatureViewDefinition,
  ModelRef,
  MonitorDefinition,
  Signature,
  Task,
  TrainingSpec,
} from "../schemas/lifecycle.ts";

/** What the bytes of a model say about it. `columns` and `task` are null where the file does not name them. */
export type InspectedModel = { size: number; signature: Signature; columns: string[] | null; task: Task | null };

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
  /** INVALID_MODEL, NOT_FOUND, CORRUPT_ARTIFACT. */
  inspectModel(artifact: string): Promise<InspectedModel>;
  /** NOT_FOUND for an artifact that is not stored. */
  findArtifact(digest: string): Promise<void>;
  /** NOT_FOUND for source, view, feature or version; ILLEGAL_STATE; SIGNATURE_MISMATCH naming the columns. */
  checkDeployment(project: string, definition: DeploymentDefinition): Promise<void>;
  /**
   * Registers a topic's value schema and answers its id. With `check` it only asks whether it could be, and
   * answers 0. INCOMPATIBLE_SCHEMA, INVALID_SCHEMA.
   */
  registerSchema(project: string, topic: string, schema: string, check?: boolean): Promise<number>;
  /** ALREADY_EXISTS when another event source owns the topic. Creates it otherwise. */
  ensureTopic(topic: string, definition: EventSourceDefinition, project: string): Promise<void>;
  /** Views and deployments of the source must still hold together with a new schema. */
  checkSchemaChange(project: string, source: string, schema: string): Promise<void>;
  checkTraining(project: string, spec: TrainingSpec): Promise<void>;
  checkMonitor(project: string, definition: MonitorDefinition): Promise<void>;
  /** ILLEGAL_STATE, naming the users, when something active in the project depends on it. */
  checkUnused(project: string, what: { aggregate: Aggregate; id: string } | ModelRef): Promise<void>;
  /** NOT_FOUND; ILLEGAL_STATE for a deleted one. */
  checkExperiment(project: string, experiment: string): Promise<void>;
  /** NOT_FOUND. */
  checkRun(project: string, run: string): Promise<void>;
  /**
   * Takes a name for the experiment that is about to have it. ALREADY_EXISTS, saying whether its holder is deleted;
   * CONFLICT while another process is at it.
   */
  takeExperimentName(project: string, name: string, experiment: string): Promise<void>;
};
