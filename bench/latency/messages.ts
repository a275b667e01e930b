import type { Settings } from "../../infra/config.ts";
import type { Samples } from "./quantiles.ts";

/** What one phase measured. */
export type Recording = {
  /** From asking to the whole answer, by the query's name. */
  queries: Record<string, Samples>;
  /** From a prediction's `servedAt` to its arrival, by the subscription's name. */
  deliveries: Record<string, Samples>;
  /** How late the client's timer was: what this machine adds to any answer. */
  lateness: Samples;
  /** Queries for a prediction that the platform did not know yet. */
  unknown: number;
  failures: string[];
};

export type ClientData = { url: string; everyMs: number };
export type ToClient = "record" | "stop" | "close";
export type FromClient = { type: "ready" } | { type: "recording"; recording: Recording };

export type ProducerData = { settings: Settings; flights: number };
/** Produces until so many departures are in the log, with the arrivals that fall in between; 0 means all of both. */
export type ToProducer = { departures: number };
/** Records produced so far. */
export type FromProducer = { events: number };
