import type { Client } from "./client.ts";
import { endpoint, project } from "./definitions.ts";

export type Measured = {
  predictions: number;
  outcomes: number;
  p50Ms: number;
  p99Ms: number;
  auc: number;
  logLoss: number;
  driftAlerts: number;
  deadLetters: number;
};

const query = `query ($project: String!, $endpoint: String!) {
  predictionStatistics(project: $project, endpoint: $endpoint, from: "2001-01-01", to: "2002-01-01", bucketMs: 31536000000) {
    predictions outcomes p50LatencyMs p99LatencyMs
  }
  liveMetrics(project: $project, endpoint: $endpoint) { count auc logLoss }
}`;

type Answer = {
  predictionStatistics: { predictions: number; outcomes: number; p50LatencyMs: number; p99LatencyMs: number }[];
  liveMetrics: { count: number; auc: number; logLoss: number }[];
};

/** Counts the nodes of a connection, page by page. */
const countAll = async (client: Client, field: string): Promise<number> => {
  const text = `query ($project: String!, $after: String) {
    ${field}(project: $project, first: 500, after: $after) { edges { cursor } pageInfo { hasNextPage endCursor } }
  }`;
  let count = 0;
  for (let after: string | null = null; ; ) {
    type Page = { edges: unknown[]; pageInfo: { hasNextPage: boolean; endCursor: string } };
    const page: Page = (await client.query<Record<string, Page>>(text, { project, after }))[field];
    count += page.edges.length;
    if (!page.pageInfo.hasNextPage) return count;
    after = page.pageInfo.endCursor;
  }
};

/** What the platform says of its own predictions. */
export const measure = async (client: Client): Promise<Measured> => {
  const answer = await client.query<Answer>(query, { project, endpoint });
  const [statistics] = answer.predictionStatistics;
  const [metrics] = answer.liveMetrics;
  return {
    predictions: statistics.predictions,
    outcomes: statistics.outcomes,
    p50Ms: statistics.p50LatencyMs,
    p99Ms: statistics.p99LatencyMs,
    auc: metrics.auc,
    logLoss: metrics.logLoss,
    driftAlerts: await countAll(client, "alerts"),
    deadLetters: await countAll(client, "deadLetters"),
  };
};

type Result = Omit<Measured, "outcomes"> & {
  events: number;
  outcomes: number;
  predictionsPerSecond: number;
  aucWithoutStreams: number;
  rssMb: number[];
};

type Places = {
  url: string;
  warehouse: string;
  /** Of user `default` of the warehouse; empty where a server of its own is the warehouse. */
  passwordFile: string;
  project: string;
  endpoint: string;
  monitor: string;
};

const fixed = (value: number, digits: number): string => (Number.isFinite(value) ? value.toFixed(digits) : "-");

/** The summary that a person reads, with three queries to go on with. */
export const summarize = (result: Result, places: Places): string => {
  const { url, warehouse, passwordFile, project: name, endpoint: served } = places;
  const user = passwordFile === "" ? "" : ` -u "default:$(cat '${passwordFile}')"`;
  const gain = result.auc - result.aucWithoutStreams;
  const graphql = `{ predictions(project: "${name}", endpoint: "${served}", first: 3, reverse: true) { edges { node { key entity output outcome } } } }`;
  const subscription = `subscription { predictions(project: "${name}", endpoint: "${served}") { prediction { key output } skipped } }`;
  const sql = `SELECT model, version, count(), avg(output) FROM predictions WHERE project = '${name}' GROUP BY ALL`;
  return `
  ${result.events.toLocaleString("en")} events, ${result.predictions.toLocaleString("en")} predictions, ${result.outcomes.toLocaleString("en")} outcomes joined
  ${result.predictionsPerSecond.toLocaleString("en")} predictions/s, produced to readable; from taken to scored p50 ${fixed(result.p50Ms, 1)} ms, p99 ${fixed(result.p99Ms, 1)} ms
  AUC ${fixed(result.auc, 4)} live, ${fixed(result.aucWithoutStreams, 4)} without the streaming features (same flights): they are worth ${fixed(gain, 4)}
  log loss ${fixed(result.logLoss, 4)}; ${result.driftAlerts} drift alerts; ${result.deadLetters} dead letters; memory ${result.rssMb.join(", ")} MB after a tenth, half and all of it

  Three queries to try:

  curl -s ${url}/graphql -H 'content-type: application/json' -d '${JSON.stringify({ query: graphql })}'

  In GraphiQL (${url}/graphiql), then stream again:
  ${subscription}

  curl -s${user} '${warehouse}' --data-binary "${sql} FORMAT PrettyCompact"
`;
};
