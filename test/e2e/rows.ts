import type { Traffic } from "./flights.ts";
import { type Running, untilCount } from "./platform.ts";

/** A departure is answered by the champion or the challenger, and by the shadow. */
export const answers = 2;

/** The moment that every partition's predictions have reached: windows up to it are judged. */
const reached = `(SELECT toUnixTimestamp64Milli(min(newest))
  FROM (SELECT max(event_time) AS newest FROM predictions GROUP BY partition))`;
const sixHours = 6 * 3_600_000;
const judged = `monitor = 'inputs' AND toUnixTimestamp64Milli(window_to) <= ${reached}`;

/** What the warehouse holds in the end, but for moments of the wall clock and the order of tasks among each other. */
export const tables = {
  predictions: "SELECT * EXCEPT (served_at, latency_ms) FROM predictions FINAL ORDER BY id",
  outcomes: "SELECT * FROM outcomes FINAL ORDER BY prediction_id",
  drift: `SELECT * EXCEPT (_offset) FROM drift FINAL WHERE monitor = 'errors' OR (${judged}) ORDER BY ALL`,
  tiles: "SELECT * EXCEPT (_offset, watermark) FROM tiles FINAL ORDER BY ALL",
  lifecycle: "SELECT DISTINCT stream, revision, type FROM audit WHERE stream NOT LIKE 'alert-%' ORDER BY ALL",
  deadLetters: "SELECT * FROM dead_letters",
};

export type Tables = Record<keyof typeof tables, string[]>;

/** The rows of every table once all that was sent has come to the warehouse and is judged. */
export const settled = async (platform: Pick<Running, "sql" | "output">, { departures }: Traffic): Promise<Tables> => {
  await untilCount(platform, "SELECT count() AS n FROM predictions FINAL", answers * departures);
  await untilCount(platform, "SELECT count() AS n FROM outcomes FINAL", answers * departures);
  // A prediction is counted in a tile when it is scored, and in another when its outcome is known.
  for (const kind of ["drift", "metrics"]) {
    const counted = `SELECT sum(rows) AS n FROM tiles FINAL WHERE kind = '${kind}'`;
    await untilCount(platform, counted, answers * departures);
  }
  // The last commands that were given.
  await untilCount(platform, "SELECT uniqExact(stream) AS n FROM audit WHERE type = 'MonitorCreated'", 2);
  await untilCount(
    platform,
    `SELECT max(toUnixTimestamp64Milli(window_to)) >= intDiv(${reached}, ${sixHours}) * ${sixHours} AS n FROM drift WHERE ${judged}`,
    1,
  );
  const found = {} as Tables;
  for (const [table, query] of Object.entries(tables)) {
    const rows = await platform.sql(`${query} SETTINGS output_format_json_quote_denormals = 1`);
    found[table as keyof Tables] = rows.map((row) => JSON.stringify(row));
  }
  return found;
};
