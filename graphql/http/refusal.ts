import type { FastifyInstance, FastifyReply } from "fastify";
import type { MillraceError } from "../../schemas/errors.ts";
import type { ServerDeps } from "../deps.ts";
import { codedError, logFailure, shownMessage } from "../errors.ts";

/** How a door refuses. */
export type Refusals = {
  mediaType: string;
  /** `message` is the one that the caller may see. */
  answer(error: MillraceError, message: string): { status: number; body: object };
  /** Of a call that the door does not have, as in `GET /nowhere`. */
  unknown(call: string): MillraceError;
};

export const json = "application/json; charset=utf-8";

type RefusalDeps = Pick<ServerDeps, "settings" | "logger">;

/** Errors of the doors on this server. */
export const refuseErrorsWith = (
  server: FastifyInstance,
  { settings, logger }: RefusalDeps,
  { mediaType, answer }: Refusals,
): ((reply: FastifyReply, error: MillraceError) => FastifyReply) => {
  const { development } = settings;
  const send = (reply: FastifyReply, error: MillraceError): FastifyReply => {
    const { status, body } = answer(error, shownMessage(error, development));
    return reply.code(status).type(mediaType).send(body);
  };
  server.setErrorHandler((error, request, reply) => {
    const coded = codedError(error);
    logFailure(coded, { development, correlationId: request.id, logger });
    if (coded.retryable) reply.header("retry-after", "1");
    // What the door has said about the answer that it wanted to give is not true of this one.
    reply.removeHeader("etag").removeHeader("content-length");
    return send(reply, coded);
  });
  return send;
};

/** Errors and unknown paths of the doors on this server. */
export const refuseWith = (server: FastifyInstance, deps: RefusalDeps, refusals: Refusals): void => {
  const send = refuseErrorsWith(server, deps, refusals);
  server.setNotFoundHandler((request, reply) =>
    send(reply, refusals.unknown(`${request.method} ${request.url.split("?", 1)[0]}`)),
  );
};
