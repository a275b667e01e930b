import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pino from "pino";
import { chunks, landingOrder } from "../examples/flights/dataset.ts";
import { openBroker } from "../infra/broker/open.ts";
import { loadSettings } from "../infra/config.ts";
import { openWarehouse } from "../infra/warehouse/open.ts";
import { openEngines } from "../platform/engines.ts";
import { startPlatform } from "../platform/platform.ts";
import { cpuSeconds } from "./cpu.ts";
import { type BenchResult, rssMb } from "./result.ts";
import { brokerUrl } from "./stream/broker.ts";
import { deployFixture, endpoint, hundredTrees, producers, project, someFlights } from "./stream/fixture.ts";
import { kafkajsAlone } from "./stream/kafkajs-alone.ts";
import { measureStages } from "./stream/stages.ts";

const defaultEvents = 400_000;
const patienceMs = 300_000;
/** After the last row there are merges and collections of garbage for a while. */
const settleMs = 10_000;
const idleMs = 10_000;

/**
 * Departures and arrivals produced to the broker, until every prediction is a row of the warehouse: the whole
 * platform with a model of 100 trees, beside its stages each alone in the same run; over Kafka beside kafkajs alone.
 */
export const run = async (options: { events?: number; broker?: string }): Promise<BenchResult> => {
  const broker = brokerUrl(options.broker);
  const data = mkdtempSync(join(tmpdir(), "millrace-bench-"));
  const settings = loadSettings(
    { data, port: "0", "log-level": "warn" },
    {
      ...process.env,
      ...(broker === null ? {} : { BROKER: broker }),
      NODE_ENV: "production",
    },
  );
  const platform = await startPlatform(settings, pino({ level: "warn" }, pino.destination(2)));
  try {
    const flights = await someFlights(options.events ?? defaultEvents);
    const model = await hundredTrees();
    await deployFixture(platform.url, model);
    const memory = [rssMb()];
    const spent = cpuSeconds();
    const { startedAt, producedAt, takenAt, readableAt } = await streamAll(
      settings,
      platform.warehouseUrl,
      flights,
      memory,
    );
    const cpu = cpuSeconds() - spent;
    memory.push(rssMb());
    const idle = await idleShare();
    const stages = await measureStages(flights, model.onnx, platform.warehouseUrl);
    const seconds = (at: number): string => `${((at - startedAt) / 1000).toFixed(1)} s`;
    const figure = Math.round((flights.count * 1000) / (readableAt - startedAt));
    const bare = broker === null ? null : await kafkajsAlone(broker, Math.min(500_000, flights.count));
    const ceiling = bare ?? Math.min(...Object.values(stages));
    return {
      name: broker === null ? "stream" : "stream over Kafka",
      figure,
      unit: "predictions/s",
      ceiling,
      ratio: figure / ceiling,
      rssMb: rssMb(),
      notes: [
        `${flights.count} departures and as many arrivals: produced after ${seconds(producedAt)}, ` +
          `all taken after ${seconds(takenAt)}, all readable after ${seconds(readableAt)}`,
        `processor time of all threads and the warehouse: ${((cpu * 1e6) / flights.count).toFixed(1)} us a prediction`,
        ...Object.entries(stages).map(([stage, rate]) => `${stage} alone: ${rate.toLocaleString("en")} predictions/s`),
        ...(bare === null ? [] : [`kafkajs alone, consume and produce: ${bare.toLocaleString("en")} records/s`]),
        `memory at start, middle, end: ${memory.join(", ")} MB`,
        `with nothing to do, all roles in one process: ${(idle * 100).toFixed(2)} % of a core`,
      ],
    };
  } finally {
    await platform.close();
    rmSync(data, { recursive: true, force: true });
    if (broker !== null) await dropTopics(broker);
  }
};

/** The broker is somebody's: nothing of this run stays there. */
const dropTopics = async (url: string): Promise<void> => {
  const broker = await openBroker(url);
  try {
    for (const { topic } of await broker.topics()) await broker.deleteTopic(topic);
  } finally {
    await broker.close();
  }
};

/** Share of a core that this process takes while nothing comes. */
const idleShare = async (): Promise<number> => {
  await new Promise((resolve) => setTimeout(resolve, settleMs));
  const before = process.cpuUsage();
  const startedAt = performance.now();
  await new Promise((resolve) => setTimeout(resolve, idleMs));
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000 / (performance.now() - startedAt);
};

const streamAll = async (
  settings: ReturnType<typeof loadSettings>,
  warehouseUrl: string,
  flights: Awaited<ReturnType<typeof someFlights>>,
  memory: number[],
) => {
  const engines = await openEngines(settings);
  const warehouse = openWarehouse(warehouseUrl);
  try {
    const idOf = async (topic: string): Promise<number> => (await engines.registry.latest(`${topic}-value`))?.id ?? 0;
    const ids = { departures: await idOf("departures"), arrivals: await idOf("arrivals") };
    const produce = await producers(engines.broker, ids);
    const order = landingOrder(flights);
    const startedAt = performance.now();
    let events = 0;
    for (const chunk of chunks(flights, order, 10_000)) {
      await Promise.all([produce.departures(flights, chunk.departures), produce.arrivals(flights, chunk.arrivals)]);
      events += chunk.departures.length + chunk.arrivals.length;
      await new Promise(setImmediate);
    }
    const producedAt = performance.now();
    const taken = async (): Promise<number> =>
      (await engines.broker.committed(`${project}.by-origin-4`)).reduce((sum, { offset }) => sum + offset, 0);
    // The last arrivals lie behind the end of the departures: they are taken once these are silent.
    const allTaken = until("every record taken", async () => {
      const now = await taken();
      if (memory.length === 1 && now > events / 2) memory.push(rssMb());
      return now >= events;
    }).then(() => performance.now());
    await until("every prediction readable", async () => {
      const answer = await warehouse.client.query({
        query: "SELECT count() AS n FROM predictions WHERE project = {project:String} AND endpoint = {endpoint:String}",
        query_params: { project, endpoint },
        format: "JSONEachRow",
      });
      const [{ n }] = await answer.json<{ n: number }>();
      return Number(n) >= flights.count;
    });
    const readableAt = performance.now();
    return { startedAt, producedAt, takenAt: await allTaken, readableAt };
  } finally {
    await warehouse.close();
    await engines.close();
  }
};

const until = async (what: string, holds: () => Promise<boolean>): Promise<void> => {
  const deadline = Date.now() + patienceMs;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};
