import { asMillraceError, type ErrorCode } from "../../schemas/errors.ts";

/** What the operating system refuses, as one of our codes, and the way out. */
const refusals: Readonly<Record<string, [code: ErrorCode, advice: string]>> = {
  EACCES: ["DATA_UNUSABLE", "this user may not: give it the right to, or choose another directory with --data"],
  EPERM: ["DATA_UNUSABLE", "this user may not: give it the right to, or choose another directory with --data"],
  EROFS: ["DATA_UNUSABLE", "the file system is read-only: choose another directory with --data"],
  ENOTDIR: ["DATA_UNUSABLE", "a part of the path is a file: choose another directory with --data"],
  EEXIST: ["DATA_UNUSABLE", "a file is where a directory must be: choose another directory with --data"],
  EISDIR: ["DATA_UNUSABLE", "a directory is where a file must be: move it away"],
  ENOENT: ["DATA_UNUSABLE", "it does not exist: check the path"],
  ENOSPC: ["STORAGE_FULL", "the disk is full: free some space"],
  EDQUOT: ["STORAGE_FULL", "the quota is used up: free some space"],
  EMFILE: ["INTERNAL", "too many open files: raise the limit (ulimit -n)"],
  ECONNREFUSED: ["ENGINE_UNAVAILABLE", "nothing listens there: start the engine, or mend the setting of its URL"],
  ENOTFOUND: ["ENGINE_UNAVAILABLE", "no such host is known: mend the setting of its URL"],
  ETIMEDOUT: ["ENGINE_UNAVAILABLE", "it does not answer: start the engine, or mend the setting of its URL"],
};

type SystemError = Error & { code?: string; path?: string; address?: string; port?: number };

/**
 * One line for whoever gave the command: code, what it is about, and the way out. What nobody foresaw has its stack
 * only where LOG_LEVEL is debug or trace.
 */
export const explained = (error: unknown, logLevel = process.env.LOG_LEVEL ?? ""): string => {
  const known = asMillraceError(error);
  const { code: refused = "", path, address, port } = (error instanceof Error ? error : {}) as SystemError;
  const refusal = known.code === "INTERNAL" ? refusals[refused] : undefined;
  if (refusal !== undefined) {
    const [code, advice] = refusal;
    const where = path ?? (address === undefined ? known.message : `${address}:${port ?? ""}`);
    return `${code}: ${where}: ${advice}`;
  }
  const stack = known.code === "INTERNAL" && /^(debug|trace)$/.test(logLevel) ? `\n${(error as Error)?.stack}` : "";
  return `${known.code}: ${known.message}${stack}`;
};
