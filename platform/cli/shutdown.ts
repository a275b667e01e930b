import { once } from "node:events";
import type { Logger } from "pino";
import { exitNow } from "../../infra/exit-now.ts";

/** What a command that runs until it is stopped ends with, but for failures (1). docs/operations.md lists them. */
export const exitCodes = {
  /** Drained whole. */
  whole: 0,
  /** Something hung and was cut off: EX_SOFTWARE of sysexits.h. */
  cutOff: 70,
  /** A second signal ended it at once. */
  atOnce: 130,
} as const;

/** Within so long a signal is the same one: a terminal sends it to the whole group, and a parent sends it on. */
const sameSignalMs = 250;

/** Aborts at the first SIGINT, SIGTERM or SIGHUP; a second one ends the process and its children at once. */
export const shutdownSignal = (): AbortSignal => {
  const stopping = new AbortController();
  let askedAt = 0;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      if (!stopping.signal.aborted) {
        askedAt = performance.now();
        stopping.abort();
      } else if (performance.now() - askedAt > sameSignalMs) exitNow(exitCodes.atOnce);
    });
  }
  return stopping.signal;
};

export const aborted = async (signal: AbortSignal): Promise<void> => {
  if (!signal.aborted) await once(signal, "abort");
};

/** Closes the platform and answers the exit code. */
export const closeWhole = async (
  platform: { close(): Promise<readonly string[]> },
  logger: Logger,
): Promise<number> => {
  const cutOff = await platform.close();
  if (cutOff.length === 0) return exitCodes.whole;
  logger.error({ cutOff }, "ended, but some of it hung and was cut off");
  return exitCodes.cutOff;
};
