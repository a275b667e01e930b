import type { Event } from "./event.ts";

export type ExperimentEvent =
  | Event<"ExperimentCreated", { name: string; artifactLocation: string | null; tags: Record<string, string> }>
  | Event<"ExperimentRenamed", { name: string }>
  | Event<"ExperimentTagSet", { key: string; value: string }>
  | Event<"ExperimentTagDeleted", { key: string }>
  | Event<"ExperimentDeleted", Record<string, never>>
  | Event<"ExperimentRestored", Record<string, never>>;
