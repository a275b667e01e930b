import { MillraceError } from "../../schemas/errors.ts";
import { json, type Refusals } from "./refusal.ts";

/** What every REST door without refusals of its own answers: `{ error_code, code, message, details }`. */
export const restRefusals: Refusals = {
  mediaType: json,
  answer: ({ code, status, details }, message) => ({ status, body: { error_code: status, code, message, details } }),
  unknown: (call) => new MillraceError("NOT_FOUND", `there is no ${call}; GET / names the doors`),
};
