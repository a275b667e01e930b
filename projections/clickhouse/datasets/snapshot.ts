import { Readable } from "node:stream";
import { ClickHouseError } from "@clickhouse/client";
import { atMost } from "../../../infra/artifacts/at-most.ts";
import { clientSignal } from "../../../infra/request-signal.ts";
import { isAway } from "../../../infra/warehouse/failures.ts";
import { guestLimits, inLane } from "../../../infra/warehouse/guests.ts";
import { MillraceError } from "../../../schemas/errors.ts";
import type { DatasetEngines } from "./load.ts";
import { loneSelect } from "./lone-select.ts";
import { queryFormat } from "./query-rows.ts";
import { reachOf } from "./reach.ts";
import { backquoted } from "./sql.ts";
import { failed } from "./warehouse-calls.ts";

type Asked = { query: string | null; table: string | null; parameters: Record<string, string> };

/** ClickHouse's code for what is not the query's fault: no room. */
const ownFaults = new Set(["243"]);

/** TOO_MANY_ROWS, TIMEOUT_EXCEEDED, TOO_SLOW, MEMORY_LIMIT_EXCEEDED, TOO_MANY_BYTES, TOO_MANY_ROWS_OR_BYTES. */
const limitReached = new Set(["158", "159", "160", "241", "307", "396"]);

/** Sorting spills to the disk above it. */
const MOST_SORTED_BYTES = 500_000_000;

const MOST_ROWS = 1_000_000_000;

/** Rows in memory are up to so much larger than as they are stored. */
const mostResultBytes = (maxBytes: number): string => String(maxBytes * 16);

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
  const inner = loneSelect(query ?? `SELECT * FROM ${backquoted(String(table))}`);
  const sorted = `SELECT * FROM (\n${inner.text}\n) ORDER BY ALL`;
  try {
    const settings = await reachOf(warehouse, project, { query: sorted, tokens: inner.tokens, parameters });
    const { stream } = await warehouse.client.exec({
      query: `${sorted} FORMAT ${queryFormat}`,
      query_params: parameters,
      clickhouse_settings: {
        ...settings,
        ...guestLimits,
        max_memory_usage: String(guestLimits.max_memory_usage),
        max_result_bytes: mostResultBytes(maxBytes),
        max_result_rows: String(MOST_ROWS),
        // An error after the first rows would else stand among them.
        wait_end_of_query: 1,
        max_bytes_before_external_sort: String(MOST_SORTED_BYTES),
      },
      http_headers: inLane("guests"),
      abort_signal: clientSignal(),
    });
    const { digest } = await artifacts.put(Readable.from(atMost(stream, maxBytes), { objectMode: false }));
    const bound = Object.keys(parameters).length === 0 ? "" : `\n-- with ${JSON.stringify(parameters)}`;
    return { digest, text: query === null ? String(table) : `${query}${bound}` };
  } catch (error) {
    if (error instanceof ClickHouseError && limitReached.has(error.code)) {
      const limit = `${guestLimits.max_execution_time} s, ${guestLimits.max_memory_usage} bytes of memory, ${MOST_ROWS} rows`;
      const message = `query: it needs more than a query may take (${limit}): ask for fewer rows or columns at once`;
      throw new MillraceError("BAD_REQUEST", message, { cause: error });
    }
    if (error instanceof ClickHouseError && !isAway(error) && !ownFaults.has(error.code)) {
      throw new MillraceError("BAD_REQUEST", `query: ${error.message.split("\n")[0].slice(0, 1000)}`, { cause: error });
    }
    throw failed("query for a dataset", error);
  }
};
