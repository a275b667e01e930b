import { type ErrorCode, MillraceError } from "../../../schemas/errors.ts";
import { json, type Refusals } from "../refusal.ts";

/** What MLflow's clients tell cases apart by, with its HTTP status. */
type Refusal = readonly [code: string, status: number];

const INVALID: Refusal = ["INVALID_PARAMETER_VALUE", 400];

const refusals: Partial<Record<ErrorCode, Refusal>> = {
  NOT_FOUND: ["RESOURCE_DOES_NOT_EXIST", 404],
  ALREADY_EXISTS: ["RESOURCE_ALREADY_EXISTS", 400],
  UNAUTHENTICATED: ["UNAUTHENTICATED", 401],
  FORBIDDEN: ["PERMISSION_DENIED", 403],
  POLICY_NOT_MET: ["INVALID_STATE", 400],
};

const refusalOf = ({ code, status, retryable, details }: MillraceError): Refusal => {
  if (typeof details.mlflow === "string") return [details.mlflow, details.mlflow === "NOT_IMPLEMENTED" ? 501 : status];
  if (retryable) return ["TEMPORARILY_UNAVAILABLE", 503];
  return refusals[code] ?? (status < 500 ? INVALID : ["INTERNAL_ERROR", 500]);
};

/** A call of MLflow's that is known and not offered: 501. */
export const notImplemented = (message: string): MillraceError =>
  new MillraceError("BAD_REQUEST", message, { details: { mlflow: "NOT_IMPLEMENTED" } });

/** Of MLflow's doors: `{ error_code, message }`. */
export const mlflowRefusals: Refusals = {
  mediaType: json,
  answer(error, message) {
    const [error_code, status] = refusalOf(error);
    return { status, body: { error_code, message } };
  },
  unknown: (call) =>
    new MillraceError("NOT_FOUND", `there is no ${call} here; docs/mlflow.md lists what is answered`, {
      details: { mlflow: "ENDPOINT_NOT_FOUND" },
    }),
};
