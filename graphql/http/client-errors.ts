import type { Socket } from "node:net";
import type { FastifyReply, FastifyRequest } from "fastify";
import { type ErrorCode, MillraceError } from "../../schemas/errors.ts";
import { codedError } from "../errors.ts";
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

/** Answers what leads to no route: an address with a broken percent-encoding, for one. No hook has seen it. */
export const answerFrameworkErrors = (error: Error, _: FastifyRequest, reply: FastifyReply): void => {
  const coded = codedError(error);
  const { status, body } = restRefusals.answer(coded, coded.message);
  void reply.code(status).type(restRefusals.mediaType).send(body);
};
