import { posix } from "node:path";
import { z } from "zod";
import { type ArtifactFiles, isPlainPath } from "../../../commands/artifact-files.ts";
import { MillraceError } from "../../../schemas/errors.ts";
import { runRoot, withoutEmptyLists } from "./answers.ts";
import { type ArtifactEntry, entriesAt } from "./artifact-index.ts";
import { runOf } from "./context.ts";
import type { Routes } from "./door.ts";
import { experimentLocation } from "./experiments.ts";
import * as fields from "./fields.ts";
import { oneRun, runIdOf } from "./runs.ts";
import { withoutTrailingSlashes } from "./slashes.ts";

export const artifactFolder = z.object({ artifact_directory_path: fields.text });

/** As a folder of a run is asked for: it may begin with `.`, and end in slashes. BAD_REQUEST where it leads away. */
const folderOf = (path: string): string => {
  const folder = withoutTrailingSlashes(posix.normalize(path));
  const leadsAway = path.split("/").includes("..");
  if (!leadsAway && (path === "" || folder === ".")) return "";
  if (!leadsAway && isPlainPath(folder)) return folder;
  throw new MillraceError("BAD_REQUEST", "Invalid path: expected a folder of the run, without .. parts");
};

export const entryAnswer = ({ path, size }: ArtifactEntry) => ({
  path,
  is_dir: size === null,
  ...(size === null ? {} : { file_size: size }),
});

/** What a folder holds, by the folder's path as it was given: a client knows its own by it. */
const filesWithin = (files: ArtifactFiles, folder: string, given: string): ArtifactEntry[] =>
  entriesAt(files, folder).map(({ path, size }) => {
    const name = posix.basename(path);
    return { path: given === "" ? name : `${given}/${name}`, size };
  });

/** `artifacts/list`: what a folder of a run has, by paths from the run's root. */
export const artifactList: Routes = (route) => {
  route("GET", "artifacts/list", oneRun.extend({ path: fields.text }), async (input, context) => {
    const run = await runOf(context, runIdOf(input));
    const files = await context.files.filesOf(context.project, { kind: "run", id: run.id });
    const entries = filesWithin(files, folderOf(input.path), withoutTrailingSlashes(input.path));
    return withoutEmptyLists({
      root_uri: runRoot(await experimentLocation(context, run.experiment), run.id),
      files: entries.map(entryAnswer),
    });
  });
};
