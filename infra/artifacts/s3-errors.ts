import { type ErrorCode, MillraceError } from "../../schemas/errors.ts";

/** What an SDK's error tells, whatever its class. */
type S3Failure = Error & { code?: string; $metadata?: { httpStatusCode?: number } };

const asFailure = (thrown: unknown): S3Failure => (thrown instanceof Error ? thrown : new Error(String(thrown)));

export const statusOf = (thrown: unknown): number | undefined => asFailure(thrown).$metadata?.httpStatusCode;

const isFull = /^(.*StorageFull|.*QuotaExceeded|InsufficientStorage)$/;
const isUntrusted = /^ERR_(SSL|TLS)|CERT|SELF_SIGNED|UNABLE_TO_/;
/** Clocks that differ and requests that were too slow are told as 4xx, and pass. */
const isPassing = /^(RequestTimeout|RequestTimeTooSkewed|SlowDown|TooManyRequests.*|Throttling.*|OperationAborted)$/;

const codeOf = (error: S3Failure): ErrorCode => {
  const status = statusOf(error);
  if (status === 507 || isFull.test(error.name)) return "STORAGE_FULL";
  const isUnset = error.name === "CredentialsProviderError" || error.message.startsWith("Region is missing");
  if (isUnset || isUntrusted.test(error.code ?? "")) return "ENGINE_REFUSED";
  if (status === undefined || status >= 500 || status === 429 || isPassing.test(error.name))
    return "ENGINE_UNAVAILABLE";
  return "ENGINE_REFUSED";
};

const remedies: { [code in ErrorCode]?: string } = {
  ENGINE_UNAVAILABLE: "start it, or mend ARTIFACTS",
  ENGINE_REFUSED:
    "mend ARTIFACTS, or create the bucket, or grant its key to list the bucket and to get and put objects",
  STORAGE_FULL: "nothing was written: make room, then try again",
};

/** A HEAD has no body that would say why. */
const reasons: { [status: number]: string } = {
  301: "the bucket is in another region",
  400: "the request or its region is wrong",
  401: "the credentials are wrong",
  403: "the credentials are wrong, or lack a right",
  404: "the bucket does not exist",
};

/**
 * The SDK's error with our code. It is not kept as the cause: it carries the request with its signature.
 */
export const s3Error = (thrown: unknown, where: string): MillraceError => {
  if (thrown instanceof MillraceError) return thrown;
  const error = asFailure(thrown);
  const code = codeOf(error);
  const status = statusOf(error);
  const reason = status === undefined ? undefined : reasons[status];
  const said = [error.name, error.message, error.code].filter((part) => part && !/^(Error|Unknown.*)$/.test(part));
  const what = [reason, ...new Set(said)].filter((part) => part !== undefined).join(", ");
  return new MillraceError(code, `S3 at ${where}: ${what}; ${remedies[code]}`, { cause: new Error(error.message) });
};
