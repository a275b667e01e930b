import { Gauge, type Registry } from "prom-client";
import type { EventStore, Fault } from "../infra/event-store/port.ts";

type Warn = { warn(fields: object, message: string): void };

/** Warns of each stream that cannot be read beyond a revision. */
export const faultLogger =
  (logger: Warn) =>
  ({ code, stream, revision, position, message }: Fault): void =>
    logger.warn({ code, stream, revision: Number(revision), position }, message);

/** Streams that cannot be read whole, by the code of what is wrong with them. */
export const gaugeFaults = (registry: Registry, { faults }: Pick<EventStore, "faults">): void => {
  new Gauge({
    name: "millrace_event_store_faulty_streams",
    help: "Streams of the event store that cannot be read beyond a revision",
    labelNames: ["code"],
    registers: [registry],
    collect() {
      this.reset();
      for (const { code } of faults().values()) this.inc({ code });
    },
  });
};
