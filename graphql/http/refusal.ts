import type { FastifyInstance } from "fastify";
import { type ErrorCode, MillraceError } from "../../schemas/errors.ts";
import type { ServerDeps } from "../deps.ts";
import { codedError, logFailure, shownMessage } from "../errors.ts";

/** Numbers that Kafka REST Proxy v2 clients know; every other code is its HTTP status. */
const kafkaRest: Partial<Record<ErrorCode, number>> = {
  UNKNOWN_TOPIC: 40401,
  NOT_FOUND: 40402,
  UNKNOWN_SCHEMA: 40403,
  INVALID_SCHEMA: 42205,
};

/** What a REST door answers instead: `{ error_code, code, message, details }`. */
export const refusal = (error: MillraceError, development: boolean) => ({
  error_code: kafkaRest[error.code] ?? error.status,
  code: error.code,
  message: shownMessage(error, development),
  details: error.details,
});

/** Errors and unknown paths of every REST door. */
export const refuseWith = (
  server: FastifyInstance,
  { settings, logger }: Pick<ServerDeps, "settings" | "logger">,
): void => {
  const { development } = settings;
  server.setErrorHandler((error, request, reply) => {
    const coded = codedError(error);
    logFailure(coded, { development, correlationId: request.id, logger });
    if (coded.retryable) reply.header("retry-after", "1");
    // What the door has said about the answer that it wanted to give is not true of this one.
    reply.removeHeader("etag").removeHeader("content-length").type("application/json; charset=utf-8");
    return reply.code(coded.status).send(refusal(coded, development));
  });
  server.setNotFoundHandler((request, reply) => {
    const path = request.url.split("?", 1)[0];
    const error = new MillraceError("NOT_FOUND", `there is no ${request.method} ${path}; GET / names the doors`);
    return reply.code(404).send(refusal(error, development));
  });
};
