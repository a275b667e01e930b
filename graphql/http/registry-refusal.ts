import { type ErrorCode, MillraceError } from "../../schemas/errors.ts";
import type { Refusals } from "./refusal.ts";

export const V1 = "application/vnd.schemaregistry.v1+json";

/** What Confluent's clients tell cases apart by; the first three digits are the HTTP status. */
type RegistryCode = 40401 | 40402 | 40403 | 40408 | 40409 | 405 | 42201 | 42202 | 42203 | 42205;

const codes: Partial<Record<ErrorCode, RegistryCode>> = { UNKNOWN_SCHEMA: 40403, INVALID_SCHEMA: 42201 };

/** A refusal with a number of Confluent's own. */
export const refused = (registryCode: RegistryCode, message: string): MillraceError =>
  new MillraceError(registryCode < 41000 ? "NOT_FOUND" : "BAD_REQUEST", message, { details: { registryCode } });

const codeOf = ({ code, details, status }: MillraceError): number =>
  typeof details.registryCode === "number" ? details.registryCode : (codes[code] ?? status);

const statusOf = (code: number): number => (code >= 10_000 ? Math.floor(code / 100) : code);

/** Of the registry's door: `{ error_code, message }` and nothing else. */
export const registryRefusals: Refusals = {
  mediaType: V1,
  answer(error, message) {
    const code = codeOf(error);
    return { status: statusOf(code), body: { error_code: code, message } };
  },
  unknown: (call) => new MillraceError("NOT_FOUND", `the registry has no ${call}`),
};
