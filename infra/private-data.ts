import { chmodSync, lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { ensureDirectory } from "./directory.ts";

const OTHERS = 0o077;

/** Whatever this process and its children make from now on, only their user reads and writes. */
export const keepFilesPrivate = (): void => {
  process.umask(OTHERS);
};

/** Whether others could have used it until now. What belongs to another user, or has just gone, stays as it is. */
const closeToOthers = (path: string): boolean => {
  try {
    const { mode } = lstatSync(path);
    if ((mode & OTHERS) === 0) return false;
    chmodSync(path, mode & 0o700);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "EPERM" && code !== "ENOENT") throw error;
    return true;
  }
};

/** A folder is gone through where others could have looked into it: afterwards its entries are made private. */
const closeFolder = (folder: string, isOpen: boolean): void => {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      const wasOpen = closeToOthers(path);
      if (wasOpen || isOpen) closeFolder(path, wasOpen);
    } else if (entry.isFile()) closeToOthers(path);
  }
};

/**
 * Makes the folder of the data, and takes its files and folders from others' eyes: 0700 and 0600. Data of releases that
 * left it open is gone through once; later starts look at its first level only.
 */
export const privateFolder = (folder: string): void => {
  keepFilesPrivate();
  ensureDirectory(folder);
  closeFolder(folder, closeToOthers(folder));
};
