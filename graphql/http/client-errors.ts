import type { Socket } from "node:net";
import type { FastifyReply, FastifyRequest } from "fastify";
import { type ErrorCode, MillraceError } from "../../schemas/errors.ts";
import { codedError } from "../errors.ts";
import { refusalsAt } from "./door-refusals.ts";
import { restRefusals } from "./rest-refusal.ts";

/** What Node says of a connection whose bytes are no request, by its code. */
const refusals: Readonly<Record<string, [ErrorCode, string]>> = {
  HPE_HEADER_OVERFLOW: ["BAD_REQUEST", "the address and headers of a request have at most 16 KB"],
  ERR_HTTP_REQUEST_TIMEOUT: ["TOO_SLOW", "the request did not come in time: send it again"],
};

const malformed = ["BAD_REQUEST", "the request is not HTTP/1.1"] as const;

/** Answers a connection whose bytes are no request, and ends it. */
export const answerClientErrors = (error: Error & { code?: string }, socket: Socket): void => {
  if (error.code === "ECONNRESET" || socket.destroyed) return;
  if (!socket.writable) return void socket.destroy();
  const [code, message] = refusals[error.code ?? ""] ?? malformed;
  const { status, body } = restRefusals.answer(new MillraceError(code, message), message);
  const text = JSON.stringify(body);
  const head = [
    `HTTP/1.1 ${status} ${code}`,
    `Content-Type: ${restRefusals.mediaType}`,
    `Content-Length: ${Buffer.byteLength(text)}`,
    "Connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${text}`, () => socket.destroySoon());
};

/** What Fastify says of an address that it cannot match: a part of it is too long for every route. */
const MAX_PART = 256;

const refusedAddress = (error: Error, { url }: FastifyRequest): MillraceError => {
  const isLong = url.split(/[/?]/).some((part) => part.length > MAX_PART) && !/%(?![0-9a-f]{2})/i.test(url);
  const why = isLong ? `a part of the address is longer than ${MAX_PART} characters` : codedError(error).message;
  return new MillraceError("BAD_REQUEST", why, { cause: error });
};

/**
 * Answers what leads to no route, in the form of the door that it was meant for: an address with a broken
 * percent-encoding, for one. No hook has seen it.
 */
export const answerFrameworkErrors = (error: Error, request: FastifyRequest, reply: FastifyReply): void => {
  const { answer, mediaType } = refusalsAt(request.url);
  const coded = refusedAddress(error, request);
  const { status, body } = answer(coded, coded.message);
  void reply.code(status).type(mediaType).send(body);
};
