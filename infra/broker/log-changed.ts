import { MillraceError } from "../../schemas/errors.ts";

/** For who reads a topic: his offsets are of another log. */
export const logChanged = (topic: string): MillraceError =>
  new MillraceError(
    "LOG_CHANGED",
    `topic "${topic}" was deleted and made again, or cut short: an offset that was read on from is of another log`,
    { details: { topic } },
  );
