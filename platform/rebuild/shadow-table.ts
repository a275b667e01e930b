import { type Warehouse, warehouseFailed } from "../../infra/warehouse/open.ts";
import { ask } from "../../projections/clickhouse/read/ask.ts";
import { MillraceError } from "../../schemas/errors.ts";

const suffix = "__rebuild";

/** What a process that was killed while it rebuilt has left behind. For when no rebuild runs. WAREHOUSE_FAILED. */
export const dropUnfinished = async (warehouse: Warehouse): Promise<void> => {
  const unfinished = await ask<{ name: string }>(
    warehouse,
    "SELECT name FROM system.tables WHERE database = currentDatabase() AND endsWith(name, {suffix:String})",
    { suffix },
  );
  for (const { name } of unfinished) await statement(warehouse, `DROP TABLE IF EXISTS ${name} SYNC`);
};

/**
 * Builds a table anew beside the one that is read: `build` fills an empty twin, which then takes the table's name
 * in one step (EXCHANGE TABLES), so that no reader ever meets a table that is missing or half full. What an
 * earlier build left behind is dropped first. WAREHOUSE_FAILED; CLOSED when the signal aborts before the exchange.
 */
export const buildBeside = async (
  warehouse: Warehouse,
  table: string,
  signal: AbortSignal,
  build: (twin: string) => Promise<void>,
): Promise<void> => {
  const twin = table + suffix;
  const drop = (): Promise<void> => statement(warehouse, `DROP TABLE IF EXISTS ${twin} SYNC`);
  await drop();
  await statement(warehouse, `CREATE TABLE ${twin} AS ${table}`);
  try {
    await build(twin);
    if (signal.aborted) throw new MillraceError("CLOSED", `the rebuild of ${table} was stopped; nothing has changed`);
    await statement(warehouse, `EXCHANGE TABLES ${table} AND ${twin}`);
  } finally {
    await drop();
  }
};

export const statement = async (
  warehouse: Warehouse,
  query: string,
  parameters: Record<string, string | number> = {},
): Promise<void> => {
  try {
    await warehouse.client.command({ query, query_params: parameters });
  } catch (error) {
    throw warehouseFailed(query.slice(0, 80), error);
  }
};
