import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { Worker } from "node:worker_threads";
import pino from "pino";
import { endpoint, project } from "../examples/flights/definitions.ts";
import { loadSettings, type Settings } from "../infra/config.ts";
import { openWarehouse } from "../infra/warehouse/open.ts";
import { startPlatform } from "../platform/platform.ts";
import type {
  ClientData,
  FromClient,
  FromProducer,
  ProducerData,
  Recording,
  ToClient,
  ToProducer,
} from "./latency/messages.ts";
import { quantile, summary } from "./latency/quantiles.ts";
import { type BenchResult, rssMb } from "./result.ts";
import { deployFixture, hundredTrees } from "./stream/fixture.ts";

const defaultFlights = 400_000;
/** What is there before the stream begins, for the idle platform to be asked about. */
const historyShare = 0.1;
const askEveryMs = 50;
const idleMs = 10_000;
const patienceMs = 300_000;

/**
 * GraphQL queries by id and live predictions while the platform streams at full speed; the ceiling is the same
 * queries on the same platform once it has nothing else to do. Producer and client have threads of their own.
 */
export const run = async (options: { events?: number }): Promise<BenchResult> => {
  const flights = options.events ?? defaultFlights;
  const data = mkdtempSync(join(tmpdir(), "millrace-bench-"));
  const settings = loadSettings({ data, port: "0", "log-level": "warn" }, { ...process.env, NODE_ENV: "production" });
  const platform = await startPlatform(settings, pino({ level: "warn" }, pino.destination(2)));
  try {
    await deployFixture(platform.url, await hundredTrees());
    const warehouse = openWarehouse(platform.warehouseUrl);
    const client = await startClient(platform.url);
    const produce = await startProducer(settings, flights);
    const readable = async (wanted: number): Promise<void> => {
      const deadline = Date.now() + patienceMs;
      const query =
        "SELECT count() AS n FROM predictions WHERE project = {project:String} AND endpoint = {endpoint:String}";
      for (;;) {
        const answer = await warehouse.client.query({
          query,
          query_params: { project, endpoint },
          format: "JSONEachRow",
        });
        const [{ n }] = await answer.json<{ n: number }>();
        if (Number(n) >= wanted) return;
        if (Date.now() > deadline) throw new Error(`waited in vain for ${wanted} predictions: ${n}`);
        await new Promise((resolve) => setTimeout(resolve, 250));
      }
    };
    try {
      const history = Math.round(flights * historyShare);
      await produce(history);
      await readable(history);
      client.record();
      const loop = monitorEventLoopDelay({ resolution: 5 });
      loop.enable();
      const since = performance.now();
      await produce(0);
      await readable(flights);
      const seconds = (performance.now() - since) / 1000;
      const streaming = await client.stop();
      loop.disable();
      client.record();
      await new Promise((resolve) => setTimeout(resolve, idleMs));
      const idle = await client.stop();
      const rate = Math.round((flights - history) / seconds);
      const result = resultOf(streaming, idle, rate);
      result.notes.push(
        `event loop of the API: p50 ${millis(loop.percentile(50))}, p99 ${millis(loop.percentile(99))}`,
      );
      return result;
    } finally {
      await client.close();
      await warehouse.close();
    }
  } finally {
    await platform.close();
    rmSync(data, { recursive: true, force: true });
  }
};

const millis = (nanoseconds: number): string => `${(nanoseconds / 1e6).toFixed(1)} ms`;

const resultOf = (streaming: Recording, idle: Recording, rate: number): BenchResult => {
  const p99 = (recording: Recording): number => quantile(Object.values(recording.queries).flat(), 0.99);
  const figure = p99(streaming);
  const ceiling = p99(idle);
  const { unknown, failures } = streaming;
  return {
    name: "latency",
    figure,
    unit: "ms, p99 of a query by id while streaming",
    ceiling,
    ratio: figure / ceiling,
    rssMb: rssMb(),
    notes: [
      `streaming ${rate.toLocaleString("en")} predictions/s until they are readable`,
      ...Object.entries(streaming.queries).map(([name, samples]) => `${name}: ${summary(samples)}`),
      ...Object.entries(idle.queries).map(([name, samples]) => `${name}, idle: ${summary(samples)}`),
      ...Object.entries(streaming.deliveries).map(
        ([name, samples]) => `served to received, subscription by ${name}: ${summary(samples)}`,
      ),
      `the client's own clock is late by: ${summary(streaming.lateness)}`,
      `${unknown} predictions asked for before they were readable, ${failures.length} failures ${failures[0] ?? ""}`,
    ],
  };
};

const execArgv = ["--disable-warning=ExperimentalWarning"];

const startClient = async (url: string) => {
  const thread = new Worker(new URL("./latency/client.ts", import.meta.url), {
    workerData: { url, everyMs: askEveryMs } satisfies ClientData,
    execArgv,
  });
  await once(thread, "message");
  const tell = (message: ToClient): void => thread.postMessage(message);
  return {
    record: () => tell("record"),
    stop: async (): Promise<Recording> => {
      tell("stop");
      const [answer] = (await once(thread, "message")) as [Extract<FromClient, { type: "recording" }>];
      return answer.recording;
    },
    close: async (): Promise<void> => {
      const ended = once(thread, "exit");
      tell("close");
      await ended;
    },
  };
};

/** Answers how to produce until so many departures are in the log (0: all). */
const startProducer = async (settings: Settings, flights: number) => {
  const thread = new Worker(new URL("./latency/producer.ts", import.meta.url), {
    workerData: { settings, flights } satisfies ProducerData,
    execArgv,
  });
  const answered = async (): Promise<number> => {
    const [{ events }] = (await once(thread, "message")) as [FromProducer];
    return events;
  };
  await answered();
  return (departures: number): Promise<number> => {
    const events = answered();
    thread.postMessage({ departures } satisfies ToProducer);
    return events;
  };
};
