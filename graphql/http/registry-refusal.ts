import type { FastifyInstance } from "fastify";
import { type ErrorCode, MillraceError } from "../../schemas/errors.ts";
import type { ServerDeps } from "../deps.ts";
import { codedError, logFailure, shownMessage } from "../errors.ts";

/** What Confluent's clients tell cases apart by; the first three digits are the HTTP status. */
type RegistryCode = 40401 | 40402 | 40403 | 40408 | 40409 | 405 | 42201 | 42202 | 42203;

const codes: Partial<Record<ErrorCode, RegistryCode>> = { UNKNOWN_SCHEMA: 40403, INVALID_SCHEMA: 42201 };

/** A refusal with a number of Confluent's own. */
export const refused = (registryCode: RegistryCode, message: string): MillraceError =>
  new MillraceError(registryCode < 41000 ? "NOT_FOUND" : "BAD_REQUEST", message, { details: { registryCode } });

const codeOf = ({ code, details, status }: MillraceError): number =>
  typeof details.registryCode === "number" ? details.registryCode : (codes[code] ?? status);

const statusOf = (code: number): number => (code >= 10_000 ? Math.floor(code / 100) : code);

/** Errors and unknown paths of the registry's door: `{ error_code, message }` and nothing else. */
export const refuseAsRegistry = (
  server: FastifyInstance,
  { settings, logger }: Pick<ServerDeps, "settings" | "logger">,
): void => {
  const { development } = settings;
  server.setErrorHandler((error, request, reply) => {
    const coded = codedError(error);
    logFailure(coded, { development, correlationId: request.id, logger });
    if (coded.retryable) reply.header("retry-after", "1");
    const code = codeOf(coded);
    return reply.code(statusOf(code)).send({ error_code: code, message: shownMessage(coded, development) });
  });
  server.setNotFoundHandler((request, reply) => {
    const message = `the registry has no ${request.method} ${request.url.split("?", 1)[0]}`;
    return reply.code(404).send({ error_code: 404, message });
  });
};
