import { systemClock } from "../../infra/clock.ts";
import { runStreams } from "../../streams/runtime/supervisor.ts";
import { modelLimits } from "../model-limits.ts";
import type { Role } from "../role.ts";

/** Features, predictions, outcomes and drift: every task of the catalog. */
export const streamsRole: Role = async (context) => {
  const { engines, share, settings, metrics, logger, signal, ready, report, note, steps } = context;
  const streams = await runStreams({
    ...engines,
    clock: systemClock,
    maxTaskIdleMs: settings.maxTaskIdleMs,
    sourceIdleMs: settings.sourceIdleMs,
    maxAheadMs: settings.maxAheadMs,
    maxBatchRecords: settings.maxBatchRecords,
    modelLimits: modelLimits(settings),
    metrics,
    logger,
    share,
    signal,
    onRestored: ready,
    report,
    note,
    steps,
  });
  await streams.done;
};
