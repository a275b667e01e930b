import type { Event } from "./event.ts";

export type TensorInfo = { name: string; type: string /** -1 where dynamic. */; shape: number[] };
export type Signature = { inputs: TensorInfo[]; outputs: TensorInfo[] };
export type Task = "binary" | "regression";
/** Which value of a model's answer is its prediction. */
export type OutputChoice = {
  /** Name of the output. */
  output: string | null;
  /** Which of its values for a row, from 0. */
  outputIndex: number | null;
};

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
  /** What is served as the prediction. Both null where the format is another, and where releases before wrote it. */
  output: string | null;
  outputIndex: number | null;
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
  /** The run of another tracking server that it was registered from, by its id there. */
  foreignRun?: string;
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
  /** Its name is its id without one. */
  | Event<"ModelRegistered", { description: string; name?: string }>
  | Event<"ModelVersionCreated", ModelVersionDefinition>
  | Event<"ModelVersionApproved", Decided>
  | Event<"ModelVersionRejected", { version: number; comment: string }>
  | Event<"ModelAliasSet", { alias: string; version: number }>
  | Event<"ModelAliasRemoved", { alias: string }>
  | Event<"ModelArchived", Record<string, never>>
  | Event<"ModelDescribed", { description: string }>
  | Event<"ModelRenamed", { name: string }>
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
