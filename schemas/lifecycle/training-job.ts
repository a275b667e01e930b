import type { Column, OutcomeDefinition } from "./deployment.ts";
import type { Event } from "./event.ts";
import type { Task } from "./model.ts";

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
