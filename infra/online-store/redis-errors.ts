import { type ErrorCode, MillraceError } from "../../schemas/errors.ts";

/** Answers after which trying again can help: the server starts, fails over, or is busy. */
const passing = /^(LOADING|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|READONLY|BUSY|NOREPLICAS|MISCONF|UNBLOCKED|MOVED|ASK)\b/;
const untrusted = /^ERR_(SSL|TLS)|CERT|SELF_SIGNED|UNABLE_TO_/;

const codeOf = (error: Error): ErrorCode => {
  if (error.name === "ReplyError") {
    if (error.message.startsWith("OOM")) return "STORAGE_FULL";
    return passing.test(error.message) ? "ENGINE_UNAVAILABLE" : "ENGINE_REFUSED";
  }
  const { code } = error as NodeJS.ErrnoException;
  return code !== undefined && untrusted.test(code) ? "ENGINE_REFUSED" : "ENGINE_UNAVAILABLE";
};

const remedies: { [code in ErrorCode]?: string } = {
  ENGINE_UNAVAILABLE: "start it, or mend ONLINE_STORE",
  ENGINE_REFUSED: "mend ONLINE_STORE or the rights of its user",
  STORAGE_FULL: "nothing was written: raise maxmemory or make room",
};

/**
 * A client's error with our code. A reply's error is not kept as the cause: it carries the arguments of its command,
 * a password among them.
 */
export const redisError = (thrown: unknown, where: string): MillraceError => {
  if (thrown instanceof MillraceError) return thrown;
  const outer = thrown instanceof Error ? thrown : new Error(String(thrown));
  const error = "lastNodeError" in outer && outer.lastNodeError instanceof Error ? outer.lastNodeError : outer;
  const code = codeOf(error);
  return new MillraceError(code, `Redis at ${where}: ${error.message}; ${remedies[code]}`, {
    cause: new Error(error.message),
  });
};
