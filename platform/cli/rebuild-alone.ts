import type { Logger } from "pino";
import type { Settings } from "../../infra/config.ts";
import { openWarehouse } from "../../infra/warehouse/open.ts";
import { ensureTables } from "../../projections/clickhouse/tables.ts";
import { documentsProjection } from "../../projections/documents/projection.ts";
import { runProjection } from "../../projections/runtime.ts";
import { type Engines, openEngines } from "../engines.ts";
import { startOwnWarehouse } from "../own-warehouse.ts";
import type { RebuildProgress, RebuildResult } from "../rebuild/progress.ts";
import { rebuildProjection } from "../rebuild/rebuild.ts";
import { rebuildDocuments } from "../rebuild/rebuilder.ts";
import { dropUnfinished } from "../rebuild/shadow-table.ts";

type Options = {
  settings: Settings;
  logger: Logger;
  signal: AbortSignal;
  onProgress(progress: RebuildProgress): void;
};

/** Rebuilds on engines of its own, for nothing else runs on the data: its lock is the caller's. */
export const rebuildAlone = async (name: string, options: Options): Promise<RebuildResult> => {
  const engines = await openEngines(options.settings);
  try {
    if (name === "documents") return await documents(engines, options);
    return await withWarehouse(options, async (url) => {
      const warehouse = openWarehouse(url, { cluster: options.settings.warehouseCluster });
      try {
        await ensureTables(warehouse);
        await dropUnfinished(warehouse);
        return await rebuildProjection(name, { ...options, engines, warehouse, hold: async () => {} });
      } finally {
        await warehouse.close();
      }
    });
  } finally {
    await engines.close();
  }
};

const documents = async (engines: Engines, { signal, onProgress }: Options): Promise<RebuildResult> => {
  const stop = new AbortController();
  const running = runProjection({
    ...engines,
    projection: documentsProjection,
    signal: AbortSignal.any([signal, stop.signal]),
  });
  try {
    await running.caughtUp;
    return await rebuildDocuments(running.rebuild, onProgress);
  } finally {
    stop.abort();
    await running.done;
  }
};

const withWarehouse = async <T>({ settings, logger }: Options, work: (url: string) => Promise<T>): Promise<T> => {
  if (!settings.warehouse.startsWith("chdb:")) return work(settings.warehouse);
  const embedded = await startOwnWarehouse(settings, logger);
  try {
    return await work(embedded.url);
  } finally {
    await embedded.close();
  }
};
