import type { Logger } from "pino";
import { runAlertReactor } from "../commands/reactors/alerts.ts";
import { systemClock } from "../infra/clock.ts";
import { type Report, reportLasting } from "../infra/report.ts";
import { avroType } from "../schemas/codec.ts";
import { driftSchema } from "../schemas/topics.ts";
import type { CatalogFollower } from "../streams/catalog.ts";

/** An alert that could not be raised for so long is a problem. */
const failingMs = 8_000;

/** Raises alerts for what the monitors find, until the signal. */
export const alertsOf = (
  broker: Parameters<typeof runAlertReactor>[0]["broker"],
  dispatch: Parameters<typeof runAlertReactor>[0]["dispatch"],
  catalog: CatalogFollower,
  { logger, report }: { logger: Logger; report: Report },
) => {
  const drift = avroType(driftSchema);
  return (signal: AbortSignal): Promise<void> =>
    runAlertReactor({
      broker,
      dispatch,
      projects: () => [...catalog.current().projects],
      decode: (value) => drift.fromBuffer(value.subarray(5)),
      signal,
      logger,
      tried: reportLasting(report, { part: "alerts", forMs: failingMs, clock: systemClock }),
    });
};
