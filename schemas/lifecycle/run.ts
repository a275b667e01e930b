import type { ArtifactFile } from "./artifact-file.ts";
import type { Event } from "./event.ts";

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
