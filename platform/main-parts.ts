import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import { problemOf, type Report } from "../infra/report.ts";

/** What runs on the main thread beside the doors, for as long as the platform does. */
export type MainParts = {
  /** A part that fails is reported under its name. */
  keep(name: string, work: Promise<void>): void;
  /**
   * Runs a part until the signal; when it fails it is reported and run again, after a pause that grows to 30 s. Rejects
   * with the first failure.
   */
  restart(name: string, run: () => Promise<void>): Promise<never>;
  /** Resolves when all parts have ended. */
  ended(): Promise<void>;
};

const firstPauseMs = 500;
const longestPauseMs = 30_000;
/** A part that has run for so long after a failure is well again. */
const settledMs = 5_000;

export const mainParts = ({
  logger,
  report,
  signal,
}: {
  logger: Logger;
  report: Report;
  signal: AbortSignal;
}): MainParts => {
  const works: Promise<unknown>[] = [];

  const runAgain = async (name: string, run: () => Promise<void>, onFailure: (error: unknown) => void) => {
    let pauseMs = firstPauseMs;
    while (!signal.aborted) {
      const settled = setTimeout(() => {
        pauseMs = firstPauseMs;
        report(name, null);
      }, settledMs).unref();
      const error = await run().then(
        () => new Error("it ended unasked"),
        (reason: unknown) => reason,
      );
      clearTimeout(settled);
      if (signal.aborted) return;
      onFailure(error);
      report(name, problemOf(error));
      logger.error({ err: error, part: name, retryInMs: pauseMs }, "a part of the platform failed; it is run again");
      await sleep(pauseMs, undefined, { signal }).catch(() => {});
      pauseMs = Math.min(2 * pauseMs, longestPauseMs);
    }
  };

  return {
    keep: (name, work) => {
      works.push(work);
      work.catch((error: unknown) => {
        if (signal.aborted) return;
        report(name, problemOf(error));
        logger.fatal({ err: error, part: name }, "a part of the platform ended");
      });
    },
    restart: (name, run) => {
      const failed = Promise.withResolvers<never>();
      failed.promise.catch(() => {});
      works.push(runAgain(name, run, failed.reject));
      return failed.promise;
    },
    ended: async () => {
      await Promise.allSettled(works);
    },
  };
};
