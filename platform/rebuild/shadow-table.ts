import type { TableDefinition } from "../../infra/warehouse/ddl.ts";
import { warehouseFailed } from "../../infra/warehouse/failures.ts";
import type { Warehouse } from "../../infra/warehouse/open.ts";
import { ask } from "../../projections/clickhouse/read/ask.ts";
import { tables } from "../../projections/clickhouse/tables.ts";
import { MillraceError } from "../../schemas/errors.ts";

const suffix = "__rebuild";

/** What a process that was killed while it rebuilt has left behind. For when no rebuild runs. WAREHOUSE_FAILED. */
export const dropUnfinished = async (warehouse: Warehouse): Promise<void> => {
  const unfinished = await ask<{ name: string }>(warehouse, warehouse.ddl.tablesEndingIn(suffix));
  for (const { name } of unfinished) await drop(warehouse, name);
};

const drop = async (warehouse: Warehouse, table: string): Promise<void> => {
  for (const query of warehouse.ddl.dropTable(table)) await statement(warehouse, query);
};

/**
 * Builds a table anew beside the one that is read: `build` fills an empty twin, which then takes the table's name
 * in one step on each server (EXCHANGE TABLES), so that no reader ever meets a table that is missing or half full. What an
 * earlier build left behind is dropped first. WAREHOUSE_FAILED; CLOSED when the signal aborts before the exchange.
 */
export const buildBeside = async (
  warehouse: Warehouse,
  table: string,
  signal: AbortSignal,
  build: (twin: string) => Promise<void>,
): Promise<void> => {
  const twin = table + suffix;
  await drop(warehouse, twin);
  for (const query of warehouse.ddl.createTable(definitionOf(table), twin)) await statement(warehouse, query);
  try {
    await build(twin);
    if (signal.aborted) throw new MillraceError("CLOSED", `the rebuild of ${table} was stopped; nothing has changed`);
    await statement(warehouse, warehouse.ddl.exchangeTables(table, twin));
  } finally {
    await drop(warehouse, twin);
  }
};

const definitionOf = (name: string): TableDefinition => {
  const found = tables.find((table) => table.name === name);
  if (found === undefined) throw new MillraceError("INTERNAL", `the warehouse has no table ${name} of the platform`);
  return found;
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
