import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import pino from "pino";
import { openBroker } from "../infra/broker/open.ts";
import { systemClock } from "../infra/clock.ts";
import { loadSettings } from "../infra/config.ts";
import { openEventStore } from "../infra/event-store/open.ts";
import { openSchemaRegistry } from "../infra/schema-registry/open.ts";
import { startEmbeddedWarehouse } from "../infra/warehouse/embedded.ts";
import { openWarehouse, type Warehouse } from "../infra/warehouse/open.ts";
import { startPlatform } from "../platform/platform.ts";
import { runSinks } from "../projections/clickhouse/runner.ts";
import { ensureTables } from "../projections/clickhouse/tables.ts";
import { type MetricPoint, type TrackingStore, trackingStore } from "../projections/tracking/index.ts";
import { topicOf } from "../schemas/topics.ts";
import { type BenchResult, rssMb } from "./result.ts";
import { documentOf, insertRuns } from "./tracking/million-runs.ts";
import { startMlflow } from "./tracking/mlflow-server.ts";
import { trackingServer } from "./tracking/over-http.ts";

const connections = 16;
const batchPoints = 1000;
const batches = 60;
const project = "million";
const runId = "0123456789abcdef0123456789abcdef";

/** One way of logging, whoever answers. */
type Logging = {
  batch(points: readonly MetricPoint[]): Promise<void>;
  metric(point: MetricPoint): Promise<void>;
};

type Speed = { batchMs: number; metricsPerSecond: number };

const pointsFrom = (first: number): MetricPoint[] =>
  Array.from({ length: batchPoints }, (_, i) => ({
    key: `metric-${i % 10}`,
    value: Math.sin(first + i),
    timestamp: 1_700_000_000_000 + first + i,
    step: first + i,
  }));

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1];

/** A batch of 1000 at a time, then single metrics by several at once. */
const measure = async ({ batch, metric }: Logging, seconds: number): Promise<Speed> => {
  await batch(pointsFrom(0));
  const times: number[] = [];
  for (let i = 1; i <= batches && times.reduce((sum, ms) => sum + ms, 0) < seconds * 1000; i++) {
    const points = pointsFrom(i * batchPoints);
    const started = performance.now();
    await batch(points);
    times.push(performance.now() - started);
  }
  const [point] = pointsFrom(0);
  let done = 0;
  const started = performance.now();
  const worker = async (): Promise<void> => {
    while (performance.now() - started < seconds * 1000) {
      const step = 1_000_000 + done++;
      await metric({ ...point, key: "single", step, timestamp: point.timestamp + step });
    }
  };
  await Promise.all(Array.from({ length: connections }, worker));
  return { batchMs: median(times), metricsPerSecond: (done * 1000) / (performance.now() - started) };
};

const shown = ({ batchMs, metricsPerSecond }: Speed): string =>
  `log-batch of ${batchPoints} p50 ${batchMs.toFixed(1)} ms, log-metric ${Math.round(metricsPerSecond).toLocaleString("en")}/s`;

const throughHttp = async (url: string, seconds: number): Promise<Speed | null> => {
  const server = trackingServer(url, connections);
  try {
    const run = await server.createRun();
    if (run === null) return null;
    return await measure(
      { batch: (points) => server.logBatch(run, points), metric: (point) => server.logMetric(run, point) },
      seconds,
    );
  } finally {
    server.close();
  }
};

/** The platform as it starts, in a folder of its own; null as long as it does not answer MLflow's calls. */
const throughOwnDoor = async (directory: string, seconds: number): Promise<Speed | null> => {
  const settings = loadSettings({ data: join(directory, "platform"), port: "0", "log-level": "silent" }, {});
  const platform = await startPlatform(settings, pino({ level: "silent" }));
  try {
    return await throughHttp(platform.url, seconds);
  } finally {
    await platform.close();
  }
};

/** Until what was inserted lies still: a merge takes a core. */
const untilMerged = async (warehouse: Warehouse): Promise<void> => {
  const query = "SELECT count() AS merges FROM system.merges";
  for (let quiet = 0; quiet < 10; ) {
    const answer = await warehouse.client.query({ query, format: "JSONEachRow" });
    const [{ merges }] = await answer.json<{ merges: number }>();
    quiet = merges === 0 ? quiet + 1 : 0;
    await pause(100);
  }
};

const searches = [
  { filter: "metrics.auc > 0.7 and params.depth = '6'", orderBy: ["metrics.auc DESC"] },
  { filter: "metrics.auc > 0.7", orderBy: ["metrics.loss"] },
  { filter: "metrics.auc > 0.9999 and metrics.loss < 0.5", orderBy: [] },
  { filter: "status = 'FINISHED' and tags.team = 't3'", orderBy: ["start_time DESC"] },
];

const measureSearches = async (store: TrackingStore): Promise<{ note: string; ms: number }[]> => {
  const found: { note: string; ms: number }[] = [];
  for (const { filter, orderBy } of searches) {
    const times: number[] = [];
    for (let i = 0; i < 9; i++) {
      const started = performance.now();
      await store.searchRuns(project, { experiments: ["1"], filter, orderBy, view: "active", first: 100 });
      times.push(performance.now() - started);
    }
    const ms = median(times);
    const order = orderBy.length === 0 ? "" : ` order by ${orderBy}`;
    found.push({ ms, note: `search, 100 of them: ${filter}${order}: p50 ${ms.toFixed(0)} ms` });
  }
  return found;
};

/**
 * Logging of metrics next to a real MLflow server with SQLite, where there is one, and search over a million runs. The
 * figure is our batches a second, over HTTP where that is answered; the ceiling is MLflow's, so the ratio says how many
 * times faster it is.
 */
export const run = async (options: { events?: number; seconds?: number } = {}): Promise<BenchResult> => {
  const { events: runs = 1_000_000, seconds = 5 } = options;
  const directory = mkdtempSync(join(tmpdir(), "millrace-bench-"));
  const settings = loadSettings({ data: directory }, {});
  const eventStore = await openEventStore(settings.eventStore);
  const broker = await openBroker(settings.broker);
  const registry = await openSchemaRegistry(settings.schemaRegistry, eventStore);
  const engine = await startEmbeddedWarehouse({ directory: join(directory, "warehouse") });
  const warehouse = openWarehouse(`${engine.url}/millrace`);
  const stop = new AbortController();
  const notes: string[] = [];
  let sinks: Promise<void> = Promise.resolve();
  try {
    await ensureTables(warehouse);
    const store = trackingStore({
      ...{ broker, eventStore, registry, warehouse, runs: async (_, ids) => ids.map(documentOf) },
    });
    const topics = () => [{ kind: "metrics" as const, project: "bench", topic: topicOf.metrics("bench") }];
    sinks = runSinks({ broker, warehouse, topics, signal: stop.signal, clock: systemClock });
    const of = { run: runId, experiment: "0" };
    const own = await measure(
      {
        batch: (points) => store.logMetrics("bench", of, points),
        metric: (point) => store.logMetrics("bench", of, [point]),
      },
      seconds,
    );
    notes.push(`the store alone, tables written meanwhile: ${shown(own)}`);

    stop.abort();
    await sinks;
    const door = await throughOwnDoor(directory, seconds);
    notes.push(door === null ? "no door for MLflow's calls to measure" : `the platform over HTTP: ${shown(door)}`);
    const mlflow = await startMlflow(directory);
    let theirs: Speed | null = null;
    if (mlflow === null) notes.push("no MLflow beside it: install mlflow, and name its program in MLFLOW");
    else {
      theirs = await throughHttp(mlflow.url, seconds).finally(() => mlflow.close());
      if (theirs !== null) notes.push(`MLflow's server, SQLite, over HTTP: ${shown(theirs)}`);
    }

    await insertRuns(warehouse, project, runs);
    await untilMerged(warehouse);
    notes.push(`${runs.toLocaleString("en")} runs with 3 metrics, 2 params, 2 tags; documents of runs made by number`);
    for (const { note } of await measureSearches(store)) notes.push(note);

    const { batchMs } = door ?? own;
    const ceiling = theirs?.batchMs ?? batchMs;
    return {
      name: "tracking",
      figure: 1000 / batchMs,
      unit: `log-batches of ${batchPoints}/s`,
      ceiling: 1000 / ceiling,
      ratio: ceiling / batchMs,
      rssMb: rssMb(),
      notes,
    };
  } finally {
    stop.abort();
    await sinks;
    await warehouse.close();
    await engine.close();
    await registry.close();
    await broker.close();
    await eventStore.close();
    rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
};
