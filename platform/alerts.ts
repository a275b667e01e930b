import type { Logger } from "pino";
import { runAlertReactor } from "../commands/reactors/alerts.ts";
import { systemClock } from "../infra/clock.ts";
import { type Report, reportLasting } from "../infra/report.ts";
import { valueDecoder } from "../schemas/codec.ts";
import { type DriftRecord, driftSchema } from "../schemas/topics.ts";
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
  const decode = valueDecoder<DriftRecord>(driftSchema);
  return (signal: AbortSignal): Promise<void> =>
    runAlertReactor({
      broker,
      dispatch,
      projects: () => [...catalog.current().projects],
      decode: (value) => decode(value, 0, value.length),
      signal,
      logger,
      tried: reportLasting(report, { part: "alerts", forMs: failingMs, clock: systemClock }),
    });
};
