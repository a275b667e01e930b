import { clientSignal } from "../../../infra/request-signal.ts";
import { type Warehouse, whileAway } from "../../../infra/warehouse/open.ts";

export type Parameters = Record<string, string | number | boolean | null | readonly string[] | readonly number[]>;

/** Reads wait so long for a warehouse that is being restarted. */
const retryForMs = 5_000;

/** Floats that JSON does not hold come as text then (`numberOf`), else as null. */
export const withDenormals = { output_format_json_quote_denormals: 1 } as const;

/**
 * Rows of a query; parameters are bound as `{name:Type}`. WAREHOUSE_FAILED, CLOSED when the client that asks has left:
 * the query is then killed.
 */
export const ask = <Row>(
  warehouse: Warehouse,
  query: string,
  parameters: Parameters = {},
  settings: Partial<typeof withDenormals> = {},
): Promise<Row[]> =>
  whileAway(
    async () => {
      const signal = clientSignal();
      const answer = await warehouse.client.query({
        query,
        query_params: parameters,
        clickhouse_settings: settings,
        format: "JSONEachRow",
        abort_signal: signal,
      });
      return answer.json<Row>();
    },
    { what: "read from the warehouse", retryForMs, signal: clientSignal() },
  );

/** Conditions that are only there where the caller gave a value, with the parameters that they name. */
export type Conditions = {
  /** `sql` names the value as `{name:Type}`; left out where the value is undefined. */
  add(sql: string, name: string, value: Parameters[string] | undefined): Conditions;
  /** All of them, joined by AND. */
  readonly sql: string;
  readonly parameters: Parameters;
};

export const conditions = (): Conditions => {
  const parts: string[] = [];
  const parameters: Parameters = {};
  const self: Conditions = {
    add(sql, name, value) {
      if (value === undefined) return self;
      parts.push(sql);
      parameters[name] = value;
      return self;
    },
    get sql() {
      return parts.length === 0 ? "1" : parts.join(" AND ");
    },
    parameters,
  };
  return self;
};

/** `column` within [from, to), both UTC milliseconds and both optional. */
export const within = (to: Conditions, column: string, range: { from?: number; to?: number }): Conditions =>
  to
    .add(`${column} >= fromUnixTimestamp64Milli({from:Int64}, 'UTC')`, "from", range.from)
    .add(`${column} < fromUnixTimestamp64Milli({to:Int64}, 'UTC')`, "to", range.to);
