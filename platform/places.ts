import type { Logger } from "pino";
import { Counter, type Registry } from "prom-client";
import type { OnCut } from "../projections/places/cut.ts";

/** Warns of each place that was cut back, and counts them by store. */
export const cutReporter = (registry: Registry, logger: Logger): OnCut => {
  const counter = new Counter({
    name: "millrace_places_cut_total",
    help: "Derived stores that were cut back, by partition, because their log no longer holds what they were made of",
    labelNames: ["store"],
    registers: [registry],
  });
  return (cut) => {
    counter.inc({ store: cut.store });
    logger.warn(cut, "a derived store held what its log does not: it was cut back and goes on from there");
  };
};
