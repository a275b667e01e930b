import { createHash } from "node:crypto";
import { comparePositions, type EventStore, type Position, START } from "../../infra/event-store/port.ts";
import type { LogMark } from "../../infra/log-marks.ts";
import { asideSuffix } from "../../infra/warehouse/ddl.ts";
import { warehouseFailed } from "../../infra/warehouse/failures.ts";
import type { Warehouse } from "../../infra/warehouse/open.ts";
import { lifecycleLog, type OnCut } from "../places/cut.ts";
import { placesTable } from "../places/kept-marks.ts";
import { ask } from "./read/ask.ts";
import { tables } from "./tables.ts";

/**
 * All but the record of what releases have made. The marks move last, and are made last: whatever a crash leaves half
 * done is done again by the next start.
 */
const movable = [
  ...tables.filter(({ name }) => name !== "schema_versions" && name !== placesTable.name),
  placesTable,
] as const;

/**
 * Where the tables are of an event store that has nothing in common with this one (it was emptied, or another data
 * directory was named by mistake), nothing in them can be derived again, and nothing may be mixed with them: they are
 * set aside whole, under names of their own, and new ones are made. Tables of this event store that were set aside so
 * come back. Call it before anything is written to the tables. WAREHOUSE_FAILED.
 */
export const chooseTables = async (
  warehouse: Warehouse,
  eventStore: Pick<EventStore, "agreed">,
  onCut: OnCut,
): Promise<void> => {
  const isShared = async (marks: readonly (readonly LogMark[])[]): Promise<boolean> => {
    for (const known of marks) if ((await eventStore.agreed(known, START)).shared) return true;
    return false;
  };
  const here = await tablesHere(warehouse);
  if (here.has(placesTable.name)) {
    const marks = await lifecycleMarks(warehouse, placesTable.name);
    if (marks.length === 0 || (await isShared(marks))) return;
    const kept = asideSuffix(createHash("sha256").update(marks[0][0].id).digest("hex"));
    const from = here.has("audit") ? await newestPosition(warehouse) : START;
    await moveAll(warehouse, here, (name) => [name, name + kept]);
    onCut({ store: "warehouse", log: lifecycleLog, partition: 0, from, to: START, reason: "it is another log", kept });
  }
  for (const name of await tablesHere(warehouse)) {
    if (!name.startsWith(`${placesTable.name}__of_`)) continue;
    if (!(await isShared(await lifecycleMarks(warehouse, name)))) continue;
    const suffix = name.slice(placesTable.name.length);
    await moveAll(warehouse, await tablesHere(warehouse), (own) => [own + suffix, own]);
  }
  for (const table of movable) {
    for (const query of warehouse.ddl.createTable(table)) await statement(warehouse, query);
  }
};

/** By the names that they have here, on whichever server of a cluster. */
const tablesHere = async (warehouse: Warehouse): Promise<Set<string>> => {
  const rows = await ask<{ name: string }>(warehouse, warehouse.ddl.tablesEndingIn(""));
  return new Set(rows.map(({ name }) => name));
};

/** Of every table that is made of lifecycle events. */
const lifecycleMarks = async (warehouse: Warehouse, places: string): Promise<(readonly LogMark[])[]> => {
  const rows = await ask<{ marks: string }>(
    warehouse,
    `SELECT argMax(kept.marks, kept.seq) AS marks FROM ${warehouse.ddl.rowsOf(places)} AS kept
     WHERE log = {log:String} GROUP BY store ORDER BY store`,
    { log: lifecycleLog },
  );
  return rows.map(({ marks }) => JSON.parse(marks) as LogMark[]).filter(({ length }) => length > 0);
};

const newestPosition = async (warehouse: Warehouse): Promise<Position> => {
  const rows = await ask<{ newest: string }>(warehouse, "SELECT toString(max(position)) AS newest FROM audit");
  return rows.reduce((newest, row) => (comparePositions(row.newest, newest) > 0 ? row.newest : newest), START);
};

const moveAll = async (
  warehouse: Warehouse,
  here: ReadonlySet<string>,
  names: (table: string) => [from: string, to: string],
): Promise<void> => {
  for (const { name } of movable) {
    const [from, to] = names(name);
    if (!here.has(from) || here.has(to)) continue;
    for (const query of warehouse.ddl.moveTable(from, to)) await statement(warehouse, query);
  }
};

const statement = async (warehouse: Warehouse, query: string): Promise<void> => {
  try {
    await warehouse.client.command({ query });
  } catch (error) {
    throw warehouseFailed("set the tables of another log aside", error);
  }
};
