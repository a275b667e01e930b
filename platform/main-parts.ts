import type { Logger } from "pino";
import { problemOf, type Report } from "../infra/report.ts";

/** What runs on the main thread beside the doors, for as long as the platform does. */
export type MainParts = {
  /** A part that ends before the signal is reported under its name. */
  keep(name: string, work: Promise<void>): void;
  /** Resolves when all parts have ended. */
  ended(): Promise<void>;
};

export const mainParts = ({
  logger,
  report,
  signal,
}: {
  logger: Logger;
  report: Report;
  signal: AbortSignal;
}): MainParts => {
  const works: Promise<void>[] = [];
  return {
    keep: (name, work) => {
      works.push(work);
      work.catch((error: unknown) => {
        if (signal.aborted) return;
        report(name, problemOf(error));
        logger.fatal({ err: error, part: name }, "a part of the platform ended");
      });
    },
    ended: async () => {
      await Promise.allSettled(works);
    },
  };
};
