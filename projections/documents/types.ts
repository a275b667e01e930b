import type { AlertDefinition } from "../../schemas/lifecycle/alert.ts";
import type { DatasetVersionDefinition } from "../../schemas/lifecycle/dataset.ts";
import type { DeploymentDefinition } from "../../schemas/lifecycle/deployment.ts";
import type { EventSourceDefinition } from "../../schemas/lifecycle/event-source.ts";
import type { FeatureViewDefinition } from "../../schemas/lifecycle/feature-view.ts";
import type { LoggedModelDefinition } from "../../schemas/lifecycle/logged-model.ts";
import type { GuardedStage, ModelVersionDefinition, Stage } from "../../schemas/lifecycle/model.ts";
import type { MonitorDefinition } from "../../schemas/lifecycle/monitor.ts";
import type { PolicyDefinition } from "../../schemas/lifecycle/policy.ts";
import type { Role } from "../../schemas/lifecycle/project.ts";
import type { RunDataset, RunOutput, RunStatus } from "../../schemas/lifecycle/run.ts";
import type { TrainingSpec } from "../../schemas/lifecycle/training-job.ts";

/** What every document carries: who made it and touched it last, and the position that it reflects. */
export type DocumentBase = {
  id: string;
  project: string;
  /** Position of the event that this version reflects. */
  position: string;
  /** Revision of the aggregate's stream, as a number. */
  revision: number;
  createdAt: number;
  createdBy: string;
  updatedAt: number;
  updatedBy: string;
};

export type ProjectDocument = DocumentBase & {
  name: string;
  description: string;
  members: { member: string; role: Role }[];
};

export type EventSourceDocument = DocumentBase & EventSourceDefinition & { status: "active" | "archived" };

export type FeatureViewDocument = DocumentBase & {
  version: number;
  definition: FeatureViewDefinition;
  versions: { version: number; at: number; by: string; definition: FeatureViewDefinition }[];
  status: "active" | "archived";
};

export type ModelDocument = DocumentBase & {
  /** Its id without one. */
  name?: string;
  description: string;
  latestVersion: number;
  aliases: { alias: string; version: number }[];
  tags: Record<string, string>;
  /** Of each stage that versions hold, those versions as they entered it: the last is its champion. */
  stages: { stage: GuardedStage; versions: number[] }[];
  status: "active" | "archived";
};

/** `stage` null counts for every stage. */
export type ApprovalRecord = { by: string; at: number; stage: GuardedStage | null; comment: string };

/** id: `<model>/<version>`. */
export type ModelVersionDocument = DocumentBase &
  ModelVersionDefinition & {
    model: string;
    description: string;
    tags: Record<string, string>;
    stage: Stage;
    approvals: ApprovalRecord[];
    status: "pending" | "approved" | "rejected" | "deleted";
    /** Of the approval or rejection. */
    comment: string;
    decidedBy: string | null;
    decidedAt: number | null;
  };

export type DeploymentDocument = DocumentBase & DeploymentDefinition & { status: "active" | "stopped" };

export type MonitorDocument = DocumentBase & { definition: MonitorDefinition; status: "active" | "deleted" };

export type AlertDocument = DocumentBase &
  AlertDefinition & { status: "raised" | "acknowledged" | "resolved"; comment: string };

export type TrainingJobDocument = DocumentBase & {
  spec: TrainingSpec;
  status: "submitted" | "running" | "completed" | "failed" | "cancelled";
  attempt: number;
  progress: { phase: string; done: number; total: number; message: string };
  result: { version: number; rows: number; metrics: Record<string, number> } | null;
  error: { code: string; message: string } | null;
};

export type ExperimentDocument = DocumentBase & {
  name: string;
  artifactLocation: string | null;
  tags: Record<string, string>;
  status: "active" | "deleted";
};

/** Everything of a run but its metrics, which are no lifecycle. Times UTC milliseconds. */
export type RunDocument = DocumentBase & {
  experiment: string;
  name: string;
  user: string;
  status: RunStatus;
  startTime: number;
  endTime: number | null;
  params: Record<string, string>;
  tags: Record<string, string>;
  inputs: { datasets: RunDataset[]; models: string[] };
  outputs: RunOutput[];
  lifecycle: "active" | "deleted";
};

export type LoggedModelDocument = DocumentBase &
  LoggedModelDefinition & { status: "PENDING" | "READY" | "UPLOAD_FAILED"; lifecycle: "active" | "deleted" };

/** id: the stage. */
export type PolicyDocument = DocumentBase & PolicyDefinition & { status: "active" | "removed" };

export type DatasetDocument = DocumentBase & {
  description: string;
  /** 0 before there is one. */
  latestVersion: number;
  tags: Record<string, string>;
  status: "active" | "archived";
};

/** id: `<dataset>/<version>`. */
export type DatasetVersionDocument = DocumentBase & DatasetVersionDefinition & { dataset: string };

export type Collections = {
  projects: ProjectDocument;
  eventSources: EventSourceDocument;
  featureViews: FeatureViewDocument;
  models: ModelDocument;
  modelVersions: ModelVersionDocument;
  deployments: DeploymentDocument;
  monitors: MonitorDocument;
  alerts: AlertDocument;
  trainingJobs: TrainingJobDocument;
  experiments: ExperimentDocument;
  runs: RunDocument;
  loggedModels: LoggedModelDocument;
  datasets: DatasetDocument;
  datasetVersions: DatasetVersionDocument;
  policies: PolicyDocument;
};

export type CollectionName = keyof Collections;

export const collectionNames: readonly CollectionName[] = [
  "projects",
  "eventSources",
  "featureViews",
  "models",
  "modelVersions",
  "deployments",
  "monitors",
  "alerts",
  "trainingJobs",
  "experiments",
  "runs",
  "loggedModels",
  "datasets",
  "datasetVersions",
  "policies",
];

/** The wire form of lists: newest or by name, forward from a cursor. */
export type ListOptions = {
  first: number;
  /** Opaque cursor of the last item seen. */
  after?: string;
  order?: "name" | "created" | "updated";
  reverse?: boolean;
  /** Of runs and logged models: only those of this experiment. */
  experiment?: string;
  /** The platform as of this moment, UTC milliseconds. */
  asOf?: number;
};

export type Page<T> = { items: { cursor: string; node: T }[]; hasNext: boolean; total: number | null };

/** Reads of documents. `asOf` reads go to the warehouse, the others to the online store. */
export type Documents = {
  get<C extends CollectionName>(
    collection: C,
    project: string,
    id: string,
    options?: { asOf?: number },
  ): Promise<Collections[C] | null>;
  /** The documents of these ids, as they are now; what is not there is left out. */
  getMany<C extends CollectionName>(collection: C, project: string, ids: readonly string[]): Promise<Collections[C][]>;
  list<C extends CollectionName>(collection: C, project: string, options: ListOptions): Promise<Page<Collections[C]>>;
  /** Resolves when the documents reflect this position; PROJECTION_BEHIND after the limit. */
  waitFor(position: string, timeoutMs?: number): Promise<void>;
};
