import { Readable } from "node:stream";
import { finished } from "node:stream/promises";
import { ClickHouseError } from "@clickhouse/client";
import { warehouseFailed } from "../../../infra/warehouse/failures.ts";
import { inLane } from "../../../infra/warehouse/guests.ts";
import type { Warehouse } from "../../../infra/warehouse/open.ts";
import { MillraceError } from "../../../schemas/errors.ts";
import { fileBudget, statementBudget } from "./budget.ts";
import { smallBlocks } from "./staged.ts";

type ClickHouseSettings = Record<string, string | number>;

/** WAREHOUSE_FAILED; STORAGE_FULL where it has no room. What the engine says of the statement is kept as the cause. */
export const failed = (what: string, error: unknown): MillraceError => {
  if (error instanceof ClickHouseError && error.code === "243") {
    return new MillraceError("STORAGE_FULL", `${what}: the disk of the warehouse is full; nothing was kept`, {
      cause: error,
    });
  }
  return warehouseFailed(what, error);
};

export const statement = async (warehouse: Warehouse, query: string): Promise<void> => {
  await warehouse.client.command({ query, clickhouse_settings: statementBudget, http_headers: inLane("loads") });
};

export const select = async <Row>(
  warehouse: Warehouse,
  query: string,
  settings: ClickHouseSettings = {},
  parameters: Record<string, string> = {},
): Promise<Row[]> => {
  const answer = await warehouse.client.query({
    query,
    query_params: parameters,
    clickhouse_settings: { ...statementBudget, ...settings },
    http_headers: inLane("loads"),
    format: "JSONEachRow",
  });
  return answer.json<Row>();
};

/** One request takes 1 GiB at most. */
const MOST_AT_ONCE = 512 << 20;

/** Sends rows as ClickHouse's RowBinary, as many requests as they need: each of the buffers has whole rows. */
export const insertRows = async (
  warehouse: Warehouse,
  table: string,
  rows: AsyncGenerator<Buffer>,
  mostAtOnce = MOST_AT_ONCE,
): Promise<void> => {
  let next = await rows.next();
  async function* part(): AsyncGenerator<Buffer> {
    for (let bytes = 0; next.done !== true && bytes < mostAtOnce; next = await rows.next()) {
      bytes += next.value.length;
      yield next.value;
    }
  }
  try {
    while (next.done !== true) {
      const query = `INSERT INTO ${table} SETTINGS ${smallBlocks} FORMAT RowBinary`;
      await insertBytes(warehouse, query, Readable.from(part(), { objectMode: false }));
    }
  } finally {
    await rows.return(undefined);
  }
};

/** Sends the bytes as the rows of an insert, as fast as the warehouse takes them. */
export const insertBytes = async (
  warehouse: Warehouse,
  query: string,
  bytes: Readable,
  seconds: number = fileBudget.seconds,
): Promise<void> => {
  const sending = new AbortController();
  // A stream that fails would leave the request waiting for more.
  const broken = finished(bytes).catch((error: unknown) => {
    sending.abort();
    throw error;
  });
  broken.catch(() => undefined);
  try {
    const { stream } = await warehouse.client.exec({
      query,
      values: bytes,
      abort_signal: sending.signal,
      clickhouse_settings: { ...statementBudget, max_execution_time: seconds },
      http_headers: inLane("loads"),
    });
    await finished(stream.resume());
  } catch (error) {
    if (sending.signal.aborted) await broken;
    throw error;
  } finally {
    bytes.destroy();
  }
};
