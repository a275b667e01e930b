import { setTimeout as pause } from "node:timers/promises";
import type { EventStore, Position, StoredEvent } from "../infra/event-store/port.ts";
import { comparePositions } from "../infra/event-store/port.ts";
import { readOwnWrites } from "../infra/warehouse/ddl.ts";
import type { Warehouse } from "../infra/warehouse/open.ts";
import { asMillraceError, type MillraceError } from "../schemas/errors.ts";
import { eventBatches } from "./event-batches.ts";
import type { OnCut } from "./places/cut.ts";
import { eventTablePlace } from "./places/event-table-place.ts";

/** A warehouse table made of lifecycle events. Its column `position` is its checkpoint. */
export type EventTable = {
  table: string;
  /** It keeps events as they are: `EventStore.subscribe`. */
  verbatim?: boolean;
  /** The table under whose name the log's marks are kept, where that is another: a twin that is being built. */
  store?: string;
  /** A row takes the place of an older one of another event: what was replaced is not in the table. */
  replaces?: boolean;
  /** The rows that these events add, in the order of their positions. */
  rows(events: readonly StoredEvent[]): Promise<Record<string, unknown>[]>;
  /** Called once before the first rows, where these depend on what is in the table already. */
  resume?(ask: <Row>(query: string) => Promise<Row[]>, table: string): Promise<void>;
};

export type EventTableOptions = {
  eventStore: EventStore;
  warehouse: Pick<Warehouse, "client" | "ddl">;
  signal: AbortSignal;
  onPosition?: (position: Position) => void;
  /** The table held rows of events that the store does not hold: they were deleted. */
  onCut?: OnCut;
  /** Called once: the table holds no row of an event that the store, as it was then, does not. */
  onChecked?: () => void;
  /** Told of each failed try to write; the same batch is tried again until it is in. */
  onRetry?: (error: MillraceError) => void;
  /** A batch is written after so many events or milliseconds. */
  maxEvents?: number;
  lingerMs?: number;
  /** Pause before a failed write is tried again. */
  retryMs?: number;
};

const MAX_EVENTS = 10_000;
const LINGER_MS = 200;
const RETRY_MS = 500;

/**
 * Follows the event store into a table; resolves when the signal aborts. A batch is one insert, so it is there
 * whole or not at all, and the newest position in the table says where to go on: every row is there once.
 * While the warehouse is away, the batch in hand waits and the subscription is held back.
 */
export const runEventTable = async (table: EventTable, options: EventTableOptions): Promise<void> => {
  const { eventStore, warehouse, signal, maxEvents = MAX_EVENTS, lingerMs = LINGER_MS, retryMs = RETRY_MS } = options;

  const ask = async <Row>(query: string): Promise<Row[]> => {
    const answer = await warehouse.client.query({ query: `${query} ${readOwnWrites}`, format: "JSONEachRow" });
    return answer.json<Row>();
  };

  const newestPosition = async (): Promise<Position> => {
    const [row] = await ask<{ newest: string }>(`SELECT toString(max(position)) AS newest FROM ${table.table}`);
    return row.newest;
  };

  const untilDone = async <T>(attempt: (tries: number) => Promise<T>): Promise<T | null> => {
    for (let tries = 0; !signal.aborted; tries++) {
      try {
        return await attempt(tries);
      } catch (error) {
        options.onRetry?.(asMillraceError(error));
        await pause(retryMs, undefined, { signal }).catch(() => {});
      }
    }
    return null;
  };

  const write = async (rows: Record<string, unknown>[], position: Position, last: StoredEvent): Promise<void> => {
    await untilDone(async (tries) => {
      await place.keep(last);
      // A try that failed on our side may have been written on the other.
      if (tries > 0 && comparePositions(await newestPosition(), position) >= 0) return;
      await warehouse.client.insert({
        table: table.table,
        values: rows,
        format: "JSONEachRow",
        // One block, so one part: parallel parsing would cut it in several. A block that is the same as one which was
        // cut away is a new one all the same.
        clickhouse_settings: { input_format_parallel_parsing: 0, async_insert: 0, insert_deduplicate: 0 },
      });
    });
  };

  const batches = { signal, maxEvents, lingerMs, verbatim: table.verbatim };
  const place = eventTablePlace({ eventStore, warehouse, table, onCut: options.onCut ?? (() => {}) });
  const after = await untilDone(async () => place.resume(await newestPosition()));
  if (after === null) return;
  options.onChecked?.();
  await untilDone(async () => table.resume?.(ask, table.table));
  for await (const batch of eventBatches(eventStore, { ...batches, after })) {
    const rows = await table.rows(batch.events);
    if (rows.length > 0)
      await write(rows, rows[rows.length - 1].position as Position, batch.events[batch.events.length - 1]);
    if (signal.aborted) return;
    options.onPosition?.(batch.position);
  }
};

/** A time as ClickHouse reads it whatever the server's time zone: decimal seconds since 1970, UTC. */
export const warehouseTime = (at: number): string => (at / 1000).toFixed(3);
