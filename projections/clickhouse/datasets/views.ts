import { setTimeout as delay } from "node:timers/promises";
import type { EventStore, Position } from "../../../infra/event-store/port.ts";
import { asMillraceError, isMillraceError, type MillraceError } from "../../../schemas/errors.ts";
import type { DatasetVersionDefinition } from "../../../schemas/lifecycle/dataset.ts";
import { parseStreamName } from "../../../schemas/lifecycle.ts";
import { upcast } from "../../../schemas/upcasters.ts";
import { type DatasetEngines, ensureDatasetTable } from "./load.ts";
import { backquoted, datasetTable, datasetView, rowColumn } from "./sql.ts";
import { failed, statement } from "./warehouse-calls.ts";

export type DatasetViewsOptions = DatasetEngines & {
  eventStore: EventStore;
  signal: AbortSignal;
  /** Something failed: what may help is tried again, a version that cannot be had is passed over. */
  onFailure(error: MillraceError): void;
};

const RETRY_MS = 1_000;

/**
 * Keeps `dataset_<project>_<name>_v<version>` for every version there is: its columns, without the position of the
 * row. A table that the warehouse has lost is loaded again from its artifact. Ends when the signal aborts.
 */
export const keepDatasetViews = async (options: DatasetViewsOptions): Promise<void> => {
  const { eventStore, warehouse, artifacts, signal, onFailure } = options;
  let after: Position | undefined;
  while (!signal.aborted) {
    try {
      for await (const message of eventStore.subscribe({ after, prefixes: ["dataset-"], signal })) {
        if (message.type !== "event") continue;
        const { event } = message;
        const name = parseStreamName(event.stream);
        if (event.type === "DatasetVersionCreated" && name !== null) {
          const data = upcast(event.type, event.metadata.schemaVersion, event.data) as DatasetVersionDefinition;
          await ensureView({ warehouse, artifacts }, name.project, name.id, data).catch((error: unknown) => {
            const coded = asMillraceError(error);
            if (coded.retryable) throw coded;
            onFailure(coded);
          });
        }
        after = event.position;
      }
    } catch (error) {
      if (signal.aborted || isMillraceError(error, "CLOSED")) return;
      onFailure(asMillraceError(error));
      await delay(RETRY_MS, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }
};

const ensureView = async (
  engines: DatasetEngines,
  project: string,
  dataset: string,
  { version, digest, format }: DatasetVersionDefinition,
): Promise<void> => {
  await ensureDatasetTable(engines, digest, format);
  const { warehouse } = engines;
  const view = datasetView(project, dataset, version);
  try {
    const select = `SELECT * EXCEPT (${rowColumn}) FROM ${datasetTable(digest, format)}`;
    await statement(warehouse, warehouse.ddl.createView(backquoted(view), select));
  } catch (error) {
    throw failed(`view ${view}`, error);
  }
};
