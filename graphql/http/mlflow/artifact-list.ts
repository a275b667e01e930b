import { z } from "zod";
import { runRoot } from "./answers.ts";
import { type ArtifactEntry, entriesAt } from "./artifact-index.ts";
import { runOf } from "./context.ts";
import type { Routes } from "./door.ts";
import { experimentLocation } from "./experiments.ts";
import * as fields from "./fields.ts";
import { oneRun, runIdOf } from "./runs.ts";
import { withoutTrailingSlashes } from "./slashes.ts";

export const artifactFolder = z.object({ artifact_directory_path: fields.text });

export const entryAnswer = ({ path, size }: ArtifactEntry) => ({
  path,
  is_dir: size === null,
  ...(size === null ? {} : { file_size: size }),
});

/** `artifacts/list`: what a folder of a run has, by paths from the run's root. */
export const artifactList: Routes = (route) => {
  route("GET", "artifacts/list", oneRun.extend({ path: fields.text }), async (input, context) => {
    const run = await runOf(context, runIdOf(input));
    const folder = withoutTrailingSlashes(input.path);
    const files = await context.files.filesOf(context.project, { kind: "run", id: run.id });
    return {
      root_uri: runRoot(await experimentLocation(context, run.experiment), run.id),
      files: entriesAt(files, folder).map(entryAnswer),
    };
  });
};
