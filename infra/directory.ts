import { existsSync, mkdirSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { isMillraceError, MillraceError } from "../schemas/errors.ts";
import { isNoSpace, storageFull } from "./storage-full.ts";

/** What the operating system answers, and the way out. */
const reasons: Readonly<Record<string, string>> = {
  EACCES: "this user may not write there: give it the right to, or choose another directory",
  EPERM: "this user may not write there: give it the right to, or choose another directory",
  EROFS: "the file system is read-only: choose another directory",
  ENOTDIR: "a part of the path is a file: choose another directory",
  ENOENT: "the file system has no room for directories there: choose another directory",
};

/**
 * Makes a directory, for its owner alone, and those above it where they are not there. One at a time, because Node's own
 * recursion never ends where a file system refuses them, as /proc does. DATA_UNUSABLE, STORAGE_FULL.
 */
export const ensureDirectory = (path: string): void => {
  const missing: string[] = [];
  for (let each = resolve(path); !existsSync(each); each = dirname(each)) missing.push(each);
  try {
    for (const each of missing.reverse()) makeOne(each);
    if (statSync(path).isDirectory()) return;
    throw new MillraceError("DATA_UNUSABLE", `${path} is a file where a directory must be: move it, or choose another`);
  } catch (error) {
    if (isMillraceError(error)) throw error;
    if (isNoSpace(error)) throw storageFull(error);
    const reason = reasons[(error as NodeJS.ErrnoException).code ?? ""];
    if (reason === undefined) throw error;
    throw new MillraceError("DATA_UNUSABLE", `${path} cannot be made: ${reason}`, { cause: error });
  }
};

const makeOne = (path: string): void => {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    // Another process was quicker.
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
};
