import type { Position } from "../../infra/event-store/port.ts";
import { warehouseFailed } from "../../infra/warehouse/failures.ts";
import type { Warehouse } from "../../infra/warehouse/open.ts";

/** The event store's log, among the topics by their names. */
export const lifecycleLog = "lifecycle events";

/**
 * A derived store was cut back to where it agrees with its log, or was emptied to be derived again. Places are offsets
 * of a topic's partition, or positions of the event store.
 */
export type PlaceCut = {
  /** A table of the warehouse, or what is kept in the online store. */
  store: string;
  /** A topic, or `lifecycleLog`. */
  log: string;
  partition: number;
  /** Where the store was, and what it kept: everything before. */
  from: number | Position;
  to: number | Position;
  reason: CutReason;
  /** What the names of the tables now end in that were set aside instead of emptied. */
  kept?: string;
};

export type CutReason = "the log lost its newest records" | "it is another log";

export type OnCut = (cut: PlaceCut) => void;

export const reasonOf = ({ shared }: { shared: boolean }): CutReason =>
  shared ? "the log lost its newest records" : "it is another log";

/** Deletes the rows that meet the condition, on every server; resolves when no read sees them. WAREHOUSE_FAILED. */
export const deleteRows = async (
  warehouse: Pick<Warehouse, "client" | "ddl">,
  table: string,
  condition: string,
  parameters: Record<string, string | number>,
): Promise<void> => {
  try {
    await warehouse.client.command({ query: warehouse.ddl.deleteRows(table, condition), query_params: parameters });
  } catch (error) {
    throw warehouseFailed(`cut ${table} back`, error);
  }
};
