import type { FastifyInstance } from "fastify";
import { type ErrorCode, MillraceError } from "../../../schemas/errors.ts";
import type { ServerDeps } from "../../deps.ts";
import { codedError, logFailure, shownMessage } from "../../errors.ts";

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

/** Errors and unknown paths of MLflow's doors: `{ error_code, message }`. */
export const refuseAsMlflow = (
  server: FastifyInstance,
  { settings, logger }: Pick<ServerDeps, "settings" | "logger">,
): void => {
  const { development } = settings;
  server.setErrorHandler((error, request, reply) => {
    const coded = codedError(error);
    logFailure(coded, { development, correlationId: request.id, logger });
    if (coded.retryable) reply.header("retry-after", "1");
    const [error_code, status] = refusalOf(coded);
    reply.removeHeader("etag").removeHeader("content-length").type("application/json; charset=utf-8");
    return reply.code(status).send({ error_code, message: shownMessage(coded, development) });
  });
  server.setNotFoundHandler((request, reply) => {
    const message = `there is no ${request.method} ${request.url.split("?", 1)[0]} here; docs/mlflow.md lists what is answered`;
    return reply.code(404).send({ error_code: "ENDPOINT_NOT_FOUND", message });
  });
};
