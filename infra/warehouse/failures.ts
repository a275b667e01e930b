import { ClickHouseError } from "@clickhouse/client";
import { MillraceError } from "../../schemas/errors.ts";

/** An answer of the warehouse that is not 200, with its text. */
export class RefusedError extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** A failure of the warehouse with its code: ENGINE_REFUSED for wrong credentials, else WAREHOUSE_FAILED. */
export const warehouseFailed = (what: string, error: unknown): MillraceError => {
  if (error instanceof MillraceError) return error;
  if (isRefused(error)) {
    const message = `${what}: the warehouse refuses the user or the password of WAREHOUSE, set http://USER:PASSWORD@HOST:PORT/DATABASE (${reasonOf(error)})`;
    return new MillraceError("ENGINE_REFUSED", message, { cause: error, details: { setting: "WAREHOUSE" } });
  }
  const hint = isUnreachable(error) ? "; is it running, and is WAREHOUSE its URL?" : "";
  return new MillraceError("WAREHOUSE_FAILED", `${what}: ${reasonOf(error)}${hint}`, { cause: error });
};

/** Whether the warehouse may be there again in a moment: nobody listens, the connection broke, or it is overloaded. */
export const isAway = (error: unknown): boolean => {
  if (error instanceof RefusedError) return error.status >= 502 && error.status <= 504;
  if (error instanceof ClickHouseError) return error.code === "202";
  return isUnreachable(error);
};

const isUnreachable = (error: unknown): boolean => {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    const code = (at as NodeJS.ErrnoException).code;
    if (code !== undefined && /^(ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|UND_ERR)/.test(code)) return true;
    if (/socket hang up|other side closed|Timeout error/i.test(at.message)) return true;
  }
  return false;
};

/** ClickHouse's UNKNOWN_USER, WRONG_PASSWORD, REQUIRED_PASSWORD and AUTHENTICATION_FAILED. */
const refusals = new Set(["192", "193", "194", "516"]);

const isRefused = (error: unknown): boolean => {
  if (error instanceof ClickHouseError) return refusals.has(error.code);
  return error instanceof RefusedError && refusals.has(/^Code: (\d+)\./.exec(error.message)?.[1] ?? "");
};

const reasonOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error && error.cause.message !== "" ? ` (${error.cause.message})` : "";
  return `${error.message.trim()}${cause}`;
};
