import { project } from "../../../examples/flights/definitions.ts";
import { until } from "../../e2e/platform.ts";
import { predicted } from "../../e2e/producer.ts";
import { answers } from "../../e2e/rows.ts";
import { flightsIn, type Ledger } from "./ledger.ts";
import type { Life } from "./life.ts";

const settleWithinMs = 90_000;

const counted = async (life: Life, query: string): Promise<number> =>
  Number((await life.sql<{ n: string }>(query))[0].n);

type Expected = { what: string; wanted: number; ask(): Promise<number> };

/**
 * Waits until all that was sent has come out at the other end. Answers what did not within the time: the platform is
 * stuck there, or has lost it.
 */
export const settled = async (life: Life, ledger: Ledger): Promise<string[]> => {
  const departures = answers * flightsIn(ledger, "departures").length;
  const arrivals = answers * flightsIn(ledger, "arrivals").length;
  const expected: Expected[] = [
    { what: "records of predictions", wanted: departures, ask: () => predicted(life.url) },
    {
      what: "rows of predictions",
      wanted: departures,
      ask: () => counted(life, "SELECT count() AS n FROM predictions"),
    },
    { what: "rows of outcomes", wanted: arrivals, ask: () => counted(life, "SELECT count() AS n FROM outcomes") },
    { what: "lag of the streams", wanted: 0, ask: () => lag(life) },
    { what: "points of metrics", wanted: ledger.points.length, ask: () => counted(life, pointCount) },
    { what: "dead letters", wanted: 0, ask: () => counted(life, "SELECT count() AS n FROM dead_letters") },
  ];
  const findings: string[] = [];
  const deadline = performance.now() + settleWithinMs;
  for (const { what, wanted, ask } of expected) {
    let last: number | string = "nothing";
    try {
      // What is asked may fail for a moment, while a child is started again.
      await until(what, Math.max(1000, deadline - performance.now()), async () => {
        last = await ask().catch((error: Error) => error.message);
        return last === wanted;
      });
    } catch {
      findings.push(`${what}: ${last} instead of ${wanted}, ${settleWithinMs / 1000} s after the disturbance`);
    }
  }
  return findings;
};

const pointCount = "SELECT count() AS n FROM metrics FINAL WHERE key = 'loss'";

const lag = async ({ client }: Life): Promise<number> => {
  const query = `{ consumerLag(project: "${project}") { lag } }`;
  const { consumerLag } = await client.query<{ consumerLag: { lag: number }[] }>(query);
  return consumerLag.reduce((sum, { lag }) => sum + Number(lag), 0);
};
