import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Headers that the embedded warehouse asks for: of user `default`, with the password that lies beside the data. */
export const warehouseHeaders = (data: string): Record<string, string> => {
  const file = join(data, "warehouse-password");
  if (!existsSync(file)) return {};
  const credentials = `default:${readFileSync(file, "utf8").trim()}`;
  return { authorization: `Basic ${Buffer.from(credentials).toString("base64")}` };
};

/** Asks the warehouse of a platform on this data. Throws with ClickHouse's words. */
export type Sql = <Row = Record<string, string>>(query: string) => Promise<Row[]>;

const patienceMs = 60_000;

export const sqlOf =
  (data: string, address: string): Sql =>
  async <Row>(query: string) => {
    const { origin } = new URL(address);
    const response = await fetch(`${origin}/?default_format=JSONEachRow&output_format_json_quote_denormals=1`, {
      method: "POST",
      headers: warehouseHeaders(data),
      body: query,
      signal: AbortSignal.timeout(patienceMs),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${query}: ${text}`);
    const lines = text.split("\n").filter((line) => line !== "");
    return lines.map((line) => JSON.parse(line) as Row);
  };
