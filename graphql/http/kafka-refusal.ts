import type { ErrorCode, MillraceError } from "../../schemas/errors.ts";
import type { Refusals } from "./refusal.ts";
import { restRefusals } from "./rest-refusal.ts";

export const V2 = "application/vnd.kafka.v2+json";

/** Numbers that clients of Kafka REST Proxy v2 tell cases apart by; every other code is its HTTP status. */
const numbers: Partial<Record<ErrorCode, number>> = {
  UNAUTHENTICATED: 40101,
  FORBIDDEN: 40301,
  UNKNOWN_TOPIC: 40401,
  NOT_FOUND: 40402,
  ILLEGAL_STATE: 40903,
  INVALID_RECORD: 42203,
  UNDECODABLE_RECORD: 42203,
  INVALID_SCHEMA: 42205,
  UNKNOWN_SCHEMA: 42205,
};

const VALUE_SCHEMA_MISSING = 42202;

const numberOf = ({ code, details, status }: MillraceError): number =>
  code === "INVALID_SCHEMA" && details.field === "value_schema" ? VALUE_SCHEMA_MISSING : (numbers[code] ?? status);

/** Of the doors of topics: what every REST door answers, under the numbers and the media type of the proxy. */
export const kafkaRefusals: Refusals = {
  mediaType: V2,
  answer(error, message) {
    const { status, body } = restRefusals.answer(error, message);
    return { status, body: { ...body, error_code: numberOf(error) } };
  },
  unknown: restRefusals.unknown,
};
