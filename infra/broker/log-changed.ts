import { MillraceError } from "../../schemas/errors.ts";

/** For who reads a topic: his offsets are of another log. */
export const logChanged = (topic: string): MillraceError =>
  new MillraceError(
    "LOG_CHANGED",
    `topic "${topic}" was deleted and made again: the offsets read so far are of another log; read it from its start`,
    { details: { topic } },
  );
