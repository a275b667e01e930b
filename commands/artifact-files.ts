import type { ArtifactFile } from "../schemas/lifecycle/artifact-file.ts";

/** Files of a run or logged model by path. */
export type ArtifactFiles = ReadonlyMap<string, ArtifactFile>;

export const noFiles: ArtifactFiles = new Map();

/** Neither absolute nor on another machine's terms, and no part that leads out of its place or is hidden in it. */
export const isPlainPath = (path: string): boolean =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  !/[\\\u0000-\u001f\u007f]/.test(path) &&
  !/^[A-Za-z]:/.test(path) &&
  !path.split("/").some((part) => part === "" || part === "." || part === "..");

export const badPath = "expected a path like folder/file, without empty, . or .. parts and without backslashes";

/** Whether a file is at the path, or in the folder there; every file is below the empty path. */
export const isBelow = (path: string, file: string): boolean =>
  path === "" || file === path || file.startsWith(`${path}/`);

export const withFile = (files: ArtifactFiles, file: ArtifactFile): ArtifactFiles =>
  new Map(files).set(file.path, file);

export const withoutFiles = (files: ArtifactFiles, path: string): ArtifactFiles =>
  new Map([...files].filter(([known]) => !isBelow(path, known)));
