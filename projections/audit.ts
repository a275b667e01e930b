import type { StoredEvent } from "../infra/event-store/port.ts";
import { parseStreamName } from "../schemas/lifecycle.ts";
import { type EventTable, type EventTableOptions, runEventTable, warehouseTime } from "./event-table.ts";

const rowOf = ({ stream, revision, type, position, data, metadata }: StoredEvent): Record<string, unknown> => ({
  position,
  project: metadata.project,
  stream,
  revision: String(revision),
  type,
  actor: metadata.actor,
  at: warehouseTime(metadata.at),
  correlation: metadata.$correlationId,
  causation: metadata.$causationId,
  data: JSON.stringify(data),
  reason: metadata.reason ?? "",
});

/** Who did what when, and why: every lifecycle event as it was written, in the table `audit`. */
export const auditTable = (): EventTable => ({
  table: "audit",
  rows: async (events) => events.filter(({ stream }) => parseStreamName(stream) !== null).map(rowOf),
});

export const runAudit = (options: EventTableOptions): Promise<void> => runEventTable(auditTable(), options);
