import { createHash } from "node:crypto";
import { comparePositions, type EventStore, type Position, START } from "../../infra/event-store/port.ts";
import type { LogMark } from "../../infra/log-marks.ts";
import { readOwnWrites } from "../../infra/warehouse/ddl.ts";
import { warehouseFailed } from "../../infra/warehouse/failures.ts";
import type { Warehouse } from "../../infra/warehouse/open.ts";
import { lifecycleLog, type OnCut } from "../places/cut.ts";
import { placesTable } from "../places/kept-marks.ts";
import { ask } from "./read/ask.ts";
import { tables } from "./tables.ts";

/** All but the record of what releases have made. */
const movable = tables.filter(({ name }) => name !== "schema_versions");

/** Where the tables of another log are kept: beside the database, for no query of a project reaches it there. */
const asideOf = (database: string, first: LogMark): string =>
  `${database}_of_${createHash("sha256").update(first.id).digest("hex").slice(0, 8)}`;

/**
 * Where the tables are of an event store that has nothing in common with this one (it was emptied, or another data
 * directory was named by mistake), nothing in them can be derived again, and nothing may be mixed with them: they are
 * set aside whole, in a database beside, and new ones are made. Tables of this event store that were set aside so come
 * back. Call it before anything is written to the tables. WAREHOUSE_FAILED.
 */
export const chooseTables = async (
  warehouse: Warehouse,
  eventStore: Pick<EventStore, "agreed">,
  onCut: OnCut,
): Promise<void> => {
  const [{ database }] = await ask<{ database: string }>(warehouse, "SELECT currentDatabase() AS database");
  const isShared = async (of: string): Promise<boolean | null> => {
    const known = await lifecycleMarks(warehouse, of);
    if (known.length === 0) return null;
    for (const marks of known) if ((await eventStore.agreed(marks, START)).shared) return true;
    return false;
  };
  if ((await isShared(database)) !== false) return;
  const [first] = (await lifecycleMarks(warehouse, database)).map(([mark]) => mark);
  const kept = asideOf(database, first);
  const from = await newestPosition(warehouse);
  await move(warehouse, database, kept);
  for (const aside of await asides(warehouse, database)) {
    if (aside !== kept && (await isShared(aside))) await move(warehouse, aside, database);
  }
  for (const table of movable) {
    for (const query of warehouse.ddl.createTable(table)) await statement(warehouse, query);
  }
  onCut({
    store: "warehouse",
    log: lifecycleLog,
    partition: 0,
    from,
    to: START,
    reason: "it is another log",
    kept,
  });
};

/** Of every table that is made of lifecycle events. */
const lifecycleMarks = async (warehouse: Warehouse, database: string): Promise<(readonly LogMark[])[]> => {
  const rows = await ask<{ marks: string }>(
    warehouse,
    `SELECT argMax(kept.marks, kept.seq) AS marks FROM ${warehouse.ddl.tableIn(database, placesTable.name)} AS kept
     WHERE log = {log:String} GROUP BY store ${readOwnWrites}`,
    { log: lifecycleLog },
  );
  return rows.map(({ marks }) => JSON.parse(marks) as LogMark[]).filter(({ length }) => length > 0);
};

const newestPosition = async (warehouse: Warehouse): Promise<Position> => {
  const rows = await ask<{ newest: string }>(warehouse, "SELECT toString(max(position)) AS newest FROM audit");
  return rows.reduce((newest, row) => (comparePositions(row.newest, newest) > 0 ? row.newest : newest), START);
};

const asides = async (warehouse: Warehouse, database: string): Promise<string[]> => {
  const rows = await ask<{ database: string }>(
    warehouse,
    `SELECT DISTINCT database FROM system.tables
     WHERE startsWith(database, {prefix:String}) AND name = {places:String}`,
    { prefix: `${database}_of_`, places: warehouse.ddl.stored(placesTable.name) },
  );
  return rows.map((row) => row.database);
};

const move = async (warehouse: Warehouse, from: string, to: string): Promise<void> => {
  const rows = await ask<{ name: string }>(warehouse, "SELECT name FROM system.tables WHERE database = {from:String}", {
    from,
  });
  const there = new Set(rows.map(({ name }) => name));
  for (const { name } of movable) {
    if (!there.has(warehouse.ddl.stored(name))) continue;
    for (const query of warehouse.ddl.moveTable(name, from, to)) await statement(warehouse, query);
  }
};

const statement = async (warehouse: Warehouse, query: string): Promise<void> => {
  try {
    await warehouse.client.command({ query });
  } catch (error) {
    throw warehouseFailed("set the tables of another log aside", error);
  }
};
