import { isCommandError, ErrorType as KurrentDbError } from "@kurrent/kurrentdb-client";
import { type ErrorCode, MillraceError } from "../../schemas/errors.ts";

/** `passing`: trying again can help. */
type Verdict = { code: ErrorCode; passing: boolean };

const unavailable: Verdict = { code: "ENGINE_UNAVAILABLE", passing: true };
const refused: Verdict = { code: "ENGINE_REFUSED", passing: false };

const verdicts: { [type in KurrentDbError]?: Verdict } = {
  [KurrentDbError.UNAVAILABLE]: unavailable,
  [KurrentDbError.DEADLINE_EXCEEDED]: unavailable,
  [KurrentDbError.TIMEOUT]: unavailable,
  [KurrentDbError.CANCELLED]: unavailable,
  [KurrentDbError.NOT_LEADER]: unavailable,
  // Also how a connection that breaks under a read may look.
  [KurrentDbError.UNKNOWN]: { code: "ENGINE_REFUSED", passing: true },
  [KurrentDbError.MAXIMUM_APPEND_SIZE_EXCEEDED]: { code: "RECORD_TOO_LARGE", passing: false },
  [KurrentDbError.APPEND_RECORD_SIZE_EXCEEDED]: { code: "RECORD_TOO_LARGE", passing: false },
  [KurrentDbError.TRANSACTION_MAX_SIZE_EXCEEDED]: { code: "RECORD_TOO_LARGE", passing: false },
};

/** gRPC's numbers of failures that the client lets through as plain errors: CANCELLED, DEADLINE_EXCEEDED, UNAVAILABLE. */
const passingStatus: ReadonlySet<unknown> = new Set([1, 4, 14]);

const verdictOf = (error: Error): Verdict => {
  if (isCommandError(error)) return verdicts[error.type] ?? refused;
  if (passingStatus.has((error as { code?: unknown }).code)) return unavailable;
  return /^Failed to discover/.test(error.message) ? unavailable : refused;
};

const remedies: { [code in ErrorCode]?: string } = {
  ENGINE_UNAVAILABLE: "start it, or mend EVENT_STORE",
  ENGINE_REFUSED: "mend EVENT_STORE or the rights of its user",
  RECORD_TOO_LARGE: "nothing was written: write less at once, or raise the server's MaxAppendSize",
};

const errorOf = (thrown: unknown): Error => (thrown instanceof Error ? thrown : new Error(String(thrown)));

export const isPassing = (thrown: unknown): boolean =>
  thrown instanceof MillraceError ? thrown.code === "ENGINE_UNAVAILABLE" : verdictOf(errorOf(thrown)).passing;

/** A client's error with our code. Not kept as the cause as a whole: it holds the metadata of the request. */
export const kurrentDbError = (thrown: unknown, where: string): MillraceError => {
  if (thrown instanceof MillraceError) return thrown;
  const error = errorOf(thrown);
  const { code } = verdictOf(error);
  const said = error.message === "" ? error.constructor.name : error.message;
  return new MillraceError(code, `KurrentDB at ${where}: ${said}; ${remedies[code]}`, { cause: new Error(said) });
};
