import type { LogMark } from "../../infra/log-marks.ts";
import { readOwnWrites, type TableDefinition } from "../../infra/warehouse/ddl.ts";
import { warehouseFailed } from "../../infra/warehouse/failures.ts";
import type { Warehouse } from "../../infra/warehouse/open.ts";

/** The marks of the logs that the tables' rows are of (infra/log-marks.ts): JSON, oldest first. */
export const placesTable: TableDefinition = {
  name: "places",
  columns: "store LowCardinality(String), log String, partition Int32, marks String, seq UInt64",
  orderBy: "store, log, partition",
  newestBy: "seq",
  shardBy: "0",
};

/** A log of a store: a topic's partition, or the event store's as partition 0 of `lifecycleLog`. */
export type LogOfStore = { log: string; partition: number };

export type MarksOfLog = LogOfStore & { marks: readonly LogMark[] };

/** The marks that one store, which is a table by its public name, keeps in the warehouse. */
export type KeptMarks = {
  /** Of these logs, as they were last saved. WAREHOUSE_FAILED. */
  load(logs: readonly string[]): Promise<MarksOfLog[]>;
  /** WAREHOUSE_FAILED. */
  save(marks: readonly MarksOfLog[]): Promise<void>;
};

export const keptMarks = ({ client }: Pick<Warehouse, "client">, store: string): KeptMarks => {
  let newest = 0;
  return {
    async load(logs) {
      try {
        const answer = await client.query({
          query: `SELECT log, partition, argMax(places.marks, places.seq) AS marks, toFloat64(max(places.seq)) AS seq
            FROM ${placesTable.name} WHERE store = {store:String} AND log IN {logs:Array(String)}
            GROUP BY log, partition ${readOwnWrites}`,
          query_params: { store, logs },
          format: "JSONEachRow",
        });
        const rows = await answer.json<LogOfStore & { marks: string; seq: number }>();
        return rows.map(({ log, partition, marks, seq }) => {
          newest = Math.max(newest, seq);
          return { log, partition, marks: JSON.parse(marks) as LogMark[] };
        });
      } catch (error) {
        throw warehouseFailed("read the marks of its logs", error);
      }
    },
    async save(marks) {
      if (marks.length === 0) return;
      newest++;
      try {
        await client.insert({
          table: placesTable.name,
          values: marks.map((one) => ({ ...one, store, marks: JSON.stringify(one.marks), seq: newest })),
          format: "JSONEachRow",
          clickhouse_settings: { async_insert: 0, insert_deduplicate: 0 },
        });
      } catch (error) {
        throw warehouseFailed("keep the marks of its logs", error);
      }
    },
  };
};
