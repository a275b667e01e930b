import type { IncomingMessage } from "node:http";
import { uuidv7 } from "../infra/clock.ts";

export const CORRELATION_HEADER = "x-correlation-id";

/** The caller's correlation id where it is a sane one, else a new one; it is in the answer, the log and the events. */
export const correlationIdOf = (request: Pick<IncomingMessage, "headers">): string => {
  const given = request.headers[CORRELATION_HEADER];
  return typeof given === "string" && /^[\w.:/-]{1,128}$/.test(given) ? given : uuidv7();
};
