import { parseArgs } from "node:util";
import { type Client, connect } from "./client.ts";
import { type Chunk, chunks, type Flights, firstFlights, firstFrom, landingOrder, readFlights } from "./dataset.ts";
import { endpoint, monitor, project } from "./definitions.ts";
import { progressLine } from "./progress.ts";
import { declare, deploy, train } from "./setup.ts";
import { measure, summarize } from "./summary.ts";

/**
 * The example, written against the public doors alone: GraphQL and records over REST. Two months of flights are
 * history to learn from; from March on every departure asks for a prediction, and every landing is its outcome.
 */
const { values } = parseArgs({
  options: {
    url: { type: "string", default: "http://127.0.0.1:4000" },
    warehouse: { type: "string", default: "" },
    "warehouse-password-file": { type: "string", default: "" },
    events: { type: "string" },
    "train-days": { type: "string", default: "59" },
  },
});

const dayMs = 86_400_000;
const march = Date.UTC(2001, 2, 1);
const end = Date.UTC(2001, 6, 2);
const chunkEvents = 8_000;

/** Memory is read once the stream is up to speed, in its middle, and at its end: shares of the departures. */
const memoryMarks = [0.1, 0.5];

const recordsOf = (flights: Flights, chunk: Chunk): { departures: string[]; arrivals: string[] } => {
  const { airports, origin, destination, scheduled, landed, distance, delay } = flights;
  const route = (i: number): string =>
    `"flight":"f${i}","origin":"${airports[origin[i]]}","destination":"${airports[destination[i]]}"`;
  return {
    departures: chunk.departures.map(
      (i) => `{"value":{${route(i)},"scheduled":${scheduled[i]},"distance":${distance[i]}}}`,
    ),
    arrivals: chunk.arrivals.map((i) => `{"value":{${route(i)},"landed":${landed[i]},"delay":${delay[i]}}}`),
  };
};

const produce = async (client: Client, flights: Flights, chunk: Chunk): Promise<void> => {
  const { departures, arrivals } = recordsOf(flights, chunk);
  await Promise.all([
    departures.length > 0 ? client.produce("departures", departures) : null,
    arrivals.length > 0 ? client.produce("arrivals", arrivals) : null,
  ]);
};

const run = async (): Promise<void> => {
  const client = connect(values.url);
  const progress = progressLine(client);
  const from = march - Number(values["train-days"]) * dayMs;
  progress.say("reading the flights of 2001");
  const read = await readFlights(from, end);
  const boundary = firstFrom(read, march);
  const wanted = values.events === undefined ? read.count - boundary : Number(values.events);
  const flights = firstFlights(read, boundary + wanted);
  const streamed = flights.count - boundary;
  await declare(client);

  let events = 0;
  let startedAt = 0;
  let deployed = false;
  const memory: number[] = [];
  for (const chunk of chunks(flights, landingOrder(flights), chunkEvents, boundary)) {
    if (!deployed && chunk.departures[0] === boundary) {
      await progress.drained(events);
      await deploy(client, await train(client, progress, "delays", "streaming", from, march), progress);
      deployed = true;
      startedAt = performance.now();
    }
    await produce(client, flights, chunk);
    events += chunk.departures.length + chunk.arrivals.length;
    const share = deployed ? (chunk.departed - boundary) / streamed : 0;
    if (share >= memoryMarks[memory.length]) memory.push(await progress.rssMb());
    await progress.streaming(events, chunk.until);
  }
  const seconds = await progress.visible(streamed, startedAt);
  memory.push(await progress.rssMb());
  const until = flights.scheduled[flights.count - 1] + 1;
  const plain = await train(client, progress, "delays-plain", "plain", from, march, { from: march, to: until });
  const measured = await measure(client);
  progress.end();
  const result = {
    events,
    predictions: measured.predictions,
    outcomes: measured.outcomes,
    departures: streamed,
    predictionsPerSecond: Math.round(streamed / seconds),
    p50Ms: measured.p50Ms,
    p99Ms: measured.p99Ms,
    auc: measured.auc,
    aucWithoutStreams: plain.metrics["evaluation.auc"],
    logLoss: measured.logLoss,
    driftAlerts: measured.driftAlerts,
    deadLetters: measured.deadLetters,
    rssMb: memory,
  };
  console.log(
    summarize(result, {
      url: values.url,
      warehouse: values.warehouse,
      passwordFile: values["warehouse-password-file"],
      project,
      endpoint,
      monitor: monitor.id,
    }),
  );
  process.send?.(result);
};

await run();
process.disconnect?.();
