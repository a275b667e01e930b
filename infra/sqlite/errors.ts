import { MillraceError } from "../../schemas/errors.ts";
import { isNoSpace, storageFull } from "../storage-full.ts";

/** Primary result codes, https://www.sqlite.org/rescode.html; an extended code holds its primary in the low byte. */
const SQLITE_BUSY = 5;
const SQLITE_FULL = 13;
const SQLITE_IOERR = 10;
const SQLITE_CONSTRAINT = 19;

const resultCode = (error: unknown): number | null =>
  error instanceof Error && "errcode" in error && typeof error.errcode === "number" ? error.errcode & 0xff : null;

/** What keeps a file from being opened as a database, and the way out. */
const unusable: Readonly<Record<number, string>> = {
  1: "is not a database of this release of Millrace: choose another file or directory",
  3: "may not be opened by this user: give it the right to, or choose another directory",
  8: "cannot be written: give this user the right to, or choose another directory",
  [SQLITE_IOERR]: "cannot be read or written: check the disk",
  11: "is damaged: restore the backup",
  14: "cannot be opened: check that its directory is there, and that this user may write there",
  26: "is not a database: choose another file or directory, or restore the backup",
};

/** As `mapSqliteError`, of a file that is being opened: DATA_UNUSABLE names it. */
export const openingFailed = (path: string, error: unknown): unknown => {
  const mapped = mapSqliteError(error);
  const reason = unusable[resultCode(error) ?? 0];
  if (mapped !== error || reason === undefined) return mapped;
  return new MillraceError("DATA_UNUSABLE", `${path} ${reason}`, { cause: error });
};

/** Another connection holds the lock that was needed. */
export const isBusy = (error: unknown): boolean => resultCode(error) === SQLITE_BUSY;

/** A unique index or a check refused the row. */
export const isConstraint = (error: unknown): boolean => resultCode(error) === SQLITE_CONSTRAINT;

const isFull = (error: unknown): boolean => {
  const code = resultCode(error);
  return code === SQLITE_FULL || (code === SQLITE_IOERR && /disk full|no space/i.test((error as Error).message));
};

/**
 * What to throw for a failure of the database or of the file system under it: STORAGE_FULL when there was no
 * room, CLOSED when the connection is closed, anything else as it came.
 */
export const mapSqliteError = (error: unknown): unknown => {
  if (error instanceof MillraceError) return error;
  if (isFull(error) || isNoSpace(error)) return storageFull(error);
  if (error instanceof Error && /database is not open|statement has been finalized/.test(error.message)) {
    return new MillraceError("CLOSED", "the store is closed", { cause: error });
  }
  return error;
};
