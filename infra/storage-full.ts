import { MillraceError } from "../schemas/errors.ts";

const codes: readonly unknown[] = ["ENOSPC", "EDQUOT", "EFBIG"];

/** The file system had no room: the disk, a quota or the limit of one file's size. */
export const isNoSpace = (error: unknown): boolean =>
  error instanceof Error && "code" in error && codes.includes(error.code);

export const storageFull = (cause: unknown): MillraceError =>
  new MillraceError("STORAGE_FULL", "the disk is full, nothing was written: free some space and try again", { cause });
