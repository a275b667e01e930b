import { MillraceError } from "../../schemas/errors.ts";
import type { ExpectedRevision } from "./port.ts";

/** `current` is -1 for a stream without events. */
export const wrongExpectedRevision = (stream: string, expected: ExpectedRevision, current: bigint): MillraceError => {
  const actual = current < 0n ? "has no events" : `is at revision ${current}`;
  const wanted = expected === "no-stream" ? "no events" : `revision ${expected}`;
  return new MillraceError(
    "WRONG_EXPECTED_REVISION",
    `${stream} ${actual}, expected ${wanted}: load it again and decide anew`,
    { details: { stream, expected: String(expected), actual: current < 0n ? "no-stream" : String(current) } },
  );
};

export const reusedEventIds = (stream: string, firstId: string, cause?: unknown): MillraceError =>
  new MillraceError(
    "IDEMPOTENCY_CONFLICT",
    `${stream} holds some of these event ids (first ${firstId}) with other events: give new events new ids`,
    { details: { stream, id: firstId }, cause },
  );
