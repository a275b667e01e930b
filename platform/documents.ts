import type { Logger } from "pino";
import { systemClock } from "../infra/clock.ts";
import { type Report, reportLasting } from "../infra/report.ts";
import { documentsProjection } from "../projections/documents/projection.ts";
import type { OnCut } from "../projections/places/cut.ts";
import { type RunningProjection, runProjection } from "../projections/runtime.ts";
import { MillraceError } from "../schemas/errors.ts";
import type { Engines } from "./engines.ts";
import { whileKept } from "./while-kept.ts";

export type DocumentsPart = {
  /** Keeps the documents until the signal. */
  run(signal: AbortSignal): Promise<void>;
  /** Resolves when reads reflect all history that there was at the first run. */
  caughtUp: Promise<void>;
  /** ILLEGAL_STATE while another process keeps them. */
  rebuild: RunningProjection["rebuild"];
};

/** Writes that have failed for so long are a problem. */
const failingMs = 8_000;

/** The documents that commands are read back from, kept by one process at a time. */
export const documentsPart = (
  { eventStore, onlineStore }: Engines,
  { logger, report, onCut }: { logger: Logger; report: Report; onCut: OnCut },
): DocumentsPart => {
  const caughtUp = Promise.withResolvers<void>();
  const tried = reportLasting(report, { part: "documents", forMs: failingMs, clock: systemClock });
  let running: RunningProjection | null = null;
  caughtUp.promise.catch(() => {});
  return {
    run: (signal) =>
      whileKept({ onlineStore, name: "documents", logger, signal }, async (kept) => {
        const options = { projection: documentsProjection, eventStore, onlineStore, signal: kept, tried, onCut };
        running = runProjection(options);
        running.caughtUp.then(caughtUp.resolve, caughtUp.reject);
        try {
          await running.done;
        } finally {
          running = null;
        }
      }),
    caughtUp: caughtUp.promise,
    rebuild: async (onProgress) => {
      if (running !== null) return running.rebuild(onProgress);
      throw new MillraceError("ILLEGAL_STATE", "another process keeps the documents at this moment: ask it to rebuild");
    },
  };
};
