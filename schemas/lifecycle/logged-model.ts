import type { ArtifactFile } from "./artifact-file.ts";
import type { Event } from "./event.ts";

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
