import { comparePositions, type Position, START } from "../../infra/event-store/port.ts";
import { type EventTable, runEventTable } from "../../projections/event-table.ts";
import type { RebuildContext } from "./context.ts";
import { progressMeter, type RebuildResult } from "./progress.ts";
import { buildBeside } from "./shadow-table.ts";

/** Builds a table of lifecycle events anew; the running one goes on until the last stretch. */
export const rebuildEventTable = async (
  name: string,
  table: EventTable,
  context: RebuildContext,
): Promise<RebuildResult> => {
  const { engines, warehouse, signal, logger } = context;
  const { eventStore } = engines;
  const meter = progressMeter(context.onProgress);

  await buildBeside(warehouse, table.table, signal, async (twin) => {
    const stop = new AbortController();
    let position: Position = START;
    let waiting: { position: Position; resolve: () => void } | null = null;
    const reached = (wanted: Position): Promise<void> =>
      comparePositions(position, wanted) >= 0
        ? Promise.resolve()
        : new Promise((resolve) => {
            waiting = { position: wanted, resolve };
          });
    const head = await eventStore.head();
    const running = runEventTable(
      { ...table, table: twin, store: table.table },
      {
        eventStore,
        warehouse,
        signal: AbortSignal.any([signal, stop.signal]),
        onPosition: (now) => {
          // Positions count events where the store is SQLite; elsewhere they still tell the share.
          meter.took(Number(now) - Number(position), Math.max(0, Number(head) - Number(now)));
          position = now;
          if (waiting !== null && comparePositions(now, waiting.position) >= 0) waiting.resolve();
        },
        onRetry: (error) => logger.warn({ table: name, err: error }, "will be tried again"),
      },
    );
    try {
      await Promise.race([reached(head), running]);
      if (signal.aborted) return;
      await context.hold();
      await Promise.race([reached(await eventStore.head()), running]);
    } finally {
      stop.abort();
      await running;
    }
  });
  return meter.result(name);
};
