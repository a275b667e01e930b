import { type ErrorCode, MillraceError } from "../../schemas/errors.ts";
import { json, type Refusals } from "./refusal.ts";

/** Numbers that Kafka REST Proxy v2 clients know; every other code is its HTTP status. */
const kafkaRest: Partial<Record<ErrorCode, number>> = {
  UNKNOWN_TOPIC: 40401,
  NOT_FOUND: 40402,
  UNKNOWN_SCHEMA: 40403,
  INVALID_SCHEMA: 42205,
};

/** What every REST door without refusals of its own answers instead: `{ error_code, code, message, details }`. */
export const restRefusals: Refusals = {
  mediaType: json,
  answer: ({ code, status, details }, message) => ({
    status,
    body: { error_code: kafkaRest[code] ?? status, code, message, details },
  }),
  unknown: (call) => new MillraceError("NOT_FOUND", `there is no ${call}; GET / names the doors`),
};
