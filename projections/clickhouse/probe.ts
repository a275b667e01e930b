import type { Clock } from "../../infra/clock.ts";
import { readOwnWrites, type TableDefinition } from "../../infra/warehouse/ddl.ts";
import { warehouseFailed } from "../../infra/warehouse/failures.ts";
import type { Warehouse } from "../../infra/warehouse/open.ts";

/** One row that is replaced by each probe. */
const readiness: TableDefinition = {
  name: "readiness",
  columns: "one UInt8, at Int64",
  orderBy: "one",
  newestBy: "at",
  shardBy: "0",
};

/**
 * Asks whether the warehouse takes an insert and shows it: it may answer pings, and even queries, when it cannot write
 * or all its connections are taken. WAREHOUSE_FAILED.
 */
export const warehouseProbe = ({ client, ddl }: Warehouse, clock: Clock): (() => Promise<void>) => {
  let isMade = false;
  return async () => {
    try {
      for (const query of isMade ? [] : ddl.createTable(readiness)) await client.command({ query });
      isMade = true;
      const at = clock();
      await client.insert({ table: readiness.name, values: [{ one: 1, at }], format: "JSONEachRow" });
      const query = `SELECT count() AS found FROM ${readiness.name} WHERE at >= {at:Int64} ${readOwnWrites}`;
      const answer = await client.query({ query, query_params: { at }, format: "JSONEachRow" });
      const [{ found }] = await answer.json<{ found: number | string }>();
      if (Number(found) === 0) throw new Error("a row that was inserted is not there");
    } catch (error) {
      // It may have been dropped.
      isMade = false;
      throw warehouseFailed("insert a row and read it", error);
    }
  };
};
