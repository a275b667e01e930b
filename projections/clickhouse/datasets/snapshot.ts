import { Readable } from "node:stream";
import { ClickHouseError } from "@clickhouse/client";
import { atMost } from "../../../infra/artifacts/at-most.ts";
import { isAway } from "../../../infra/warehouse/failures.ts";
import { MillraceError } from "../../../schemas/errors.ts";
import type { DatasetEngines } from "./load.ts";
import { loneSelect } from "./lone-select.ts";
import { reachOf } from "./reach.ts";
import { backquoted } from "./sql.ts";
import { queryFormat } from "./typed.ts";
import { failed } from "./warehouse-calls.ts";

type Asked = { query: string | null; table: string | null; parameters: Record<string, string> };

/** ClickHouse's codes for what is not the query's fault: no memory, no room. */
const ownFaults = new Set(["241", "243"]);

/** Sorting spills to the disk above it. */
const MOST_SORTED_BYTES = 500_000_000;

/**
 * Stores the rows that a query, or a table, has for the project now, sorted by all their columns: equal rows have one
 * digest, in whichever order the warehouse finds them. It can only read. BAD_REQUEST, FORBIDDEN, DATASET_TOO_LARGE,
 * WAREHOUSE_FAILED, STORAGE_FULL.
 */
export const snapshotRows = async (
  { warehouse, artifacts }: DatasetEngines,
  project: string,
  { query, table, parameters }: Asked,
  maxBytes: number,
): Promise<{ digest: string; text: string }> => {
  const inner = query === null ? `SELECT * FROM ${backquoted(String(table))}` : loneSelect(query);
  const sorted = `SELECT * FROM (\n${inner}\n) ORDER BY ALL`;
  try {
    const settings = await reachOf(warehouse, project, sorted, parameters);
    const { stream } = await warehouse.client.exec({
      query: `${sorted} FORMAT ${queryFormat}`,
      query_params: parameters,
      clickhouse_settings: {
        ...settings,
        // An error after the first rows would else stand among them.
        wait_end_of_query: 1,
        max_bytes_before_external_sort: String(MOST_SORTED_BYTES),
      },
    });
    const { digest } = await artifacts.put(Readable.from(atMost(stream, maxBytes), { objectMode: false }));
    const bound = Object.keys(parameters).length === 0 ? "" : `\n-- with ${JSON.stringify(parameters)}`;
    return { digest, text: query === null ? String(table) : `${query}${bound}` };
  } catch (error) {
    if (error instanceof ClickHouseError && !isAway(error) && !ownFaults.has(error.code)) {
      throw new MillraceError("BAD_REQUEST", `query: ${error.message.split("\n")[0].slice(0, 1000)}`, { cause: error });
    }
    throw failed("query for a dataset", error);
  }
};
