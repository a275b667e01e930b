import type { ArtifactFiles } from "../../../commands/artifact-files.ts";
import { type LoggedModel, loggedModel } from "../../../commands/logged-model/decider.ts";
import { type Run, run } from "../../../commands/run/decider.ts";
import { type Fold, stateReader } from "../../../commands/state-reader.ts";
import type { EventStore } from "../../../infra/event-store/port.ts";
import { MillraceError } from "../../../schemas/errors.ts";
import type { ArtifactFile } from "../../../schemas/lifecycle/artifact-file.ts";
import { streamName } from "../../../schemas/lifecycle.ts";

/** A run or logged model, by its own id. */
export type ArtifactOwner = { kind: "run" | "logged-model"; id: string };

/** A place below the root of the artifacts' proxy: `path` is that under the owner's root, empty for all of it. */
export type ArtifactPlace = ArtifactOwner & { experiment: string; path: string };

/** What a folder holds, by its paths under the owner's root; `size` null for a folder. */
export type ArtifactEntry = { path: string; size: number | null };

export type ArtifactIndex = {
  /** All files, as every answered command has left them. NOT_FOUND for an unknown or deleted logged model or run. */
  filesOf(project: string, owner: ArtifactOwner): Promise<ArtifactFiles>;
  /** The file at a path below the proxy's root; null where there is none. */
  find(project: string, path: string): Promise<ArtifactFile | null>;
};

/** `EXPERIMENT/RUN/artifacts/...` and `EXPERIMENT/models/MODEL/artifacts/...`; null for any other path. */
export const placeOf = (path: string): ArtifactPlace | null => {
  const [, experiment, model, run, below = ""] =
    /^(0|[1-9]\d{0,18})\/(?:models\/(m-[0-9a-f]{32})|([0-9a-f]{32}))\/artifacts(?:\/(.*))?$/s.exec(path) ?? [];
  if (experiment === undefined) return null;
  return model === undefined
    ? { kind: "run", id: run, experiment, path: below }
    : { kind: "logged-model", id: model, experiment, path: below };
};

/** What lies directly in a folder, or the file itself where the path is a file's; by path. */
export const entriesAt = (files: ArtifactFiles, folder: string): ArtifactEntry[] => {
  const prefix = folder === "" ? "" : `${folder}/`;
  const found = new Map<string, ArtifactEntry>();
  for (const { path, size } of files.values()) {
    if (!path.startsWith(prefix)) continue;
    const end = path.indexOf("/", prefix.length);
    const entry = end < 0 ? { path, size } : { path: path.slice(0, end), size: null };
    found.set(entry.path, entry);
  }
  return [...found.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
};

/** Paths are events of the runs and logged models themselves, so the index is their streams, folded. */
export const artifactIndex = (eventStore: EventStore): ArtifactIndex => {
  const { load } = stateReader(eventStore);

  const filesOf: ArtifactIndex["filesOf"] = async (project, { kind, id }) => {
    const fold = (kind === "run" ? run : loggedModel) as Fold;
    const state = (await load(streamName(kind, project, id), fold)).state as Run | LoggedModel | null;
    if (state === null) {
      throw new MillraceError("NOT_FOUND", `there is no ${kind === "run" ? "run" : "logged model"} ${id}`);
    }
    return state.files;
  };

  return {
    filesOf,
    async find(project, path) {
      const place = placeOf(path);
      if (place === null || place.path === "") return null;
      return (await filesOf(project, place)).get(place.path) ?? null;
    },
  };
};
