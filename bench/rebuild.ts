import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { EventStore, NewEvent } from "../infra/event-store/port.ts";
import { sqliteEventStore } from "../infra/event-store/sqlite.ts";
import type { OnlineStore } from "../infra/online-store/port.ts";
import { sqliteOnlineStore } from "../infra/online-store/sqlite.ts";
import { documentsProjection } from "../projections/documents/projection.ts";
import { runProjection } from "../projections/runtime.ts";
import type { AlertDefinition } from "../schemas/lifecycle/alert.ts";
import type { TrainingSpec } from "../schemas/lifecycle/training-job.ts";
import { type LifecycleEvent, streamName } from "../schemas/lifecycle.ts";
import { currentVersion } from "../schemas/upcasters.ts";
import type { BenchResult } from "./result.ts";

const PROJECT = "flights";
const START_AT = Date.UTC(2001, 0, 1);

const alert = (n: number): AlertDefinition => ({
  monitor: "delays-drift",
  deployment: "delays",
  model: "delays",
  version: 1 + (n % 5),
  column: "origin-delay-mean-1d",
  statistic: "psi",
  value: 0.2 + (n % 100) / 1000,
  threshold: 0.2,
  from: START_AT,
  to: START_AT + 86_400_000,
  rows: 12_000 + n,
  message: "psi of origin-delay-mean-1d is above 0.2",
});

const spec = (n: number): TrainingSpec => ({
  model: "delays",
  task: "binary",
  trigger: "departures",
  columns: Array.from({ length: 20 }, (_, i) => ({ name: `column-${i}`, from: `origin:feature-${i}` })),
  label: { source: "arrivals", key: ["flight"], value: "event.delay > 15", horizonMs: 86_400_000 },
  from: START_AT,
  to: START_AT + 5_000_000_000,
  algorithm: "gradient-boosting",
  parameters: {
    trees: 100,
    learningRate: 0.1,
    maxLeaves: 31,
    maxDepth: 6,
    minLeafRows: 20,
    l2: 1,
    bins: 255,
    validationShare: 0.2,
    earlyStoppingRounds: 10,
    seed: n,
  },
});

const jobLife = (n: number): LifecycleEvent[] => [
  { type: "TrainingJobSubmitted", data: spec(n) },
  { type: "TrainingJobStarted", data: { worker: "worker-1", attempt: 1 } },
  ...Array.from({ length: 20 }, (_, i): LifecycleEvent => {
    return { type: "TrainingJobProgressed", data: { phase: "boosting", done: i * 5, total: 100, message: "" } };
  }),
  { type: "TrainingJobCompleted", data: { version: n, rows: 1_000_000, metrics: { auc: 0.71, logLoss: 0.45 } } },
];

const alertLife = (n: number): LifecycleEvent[] => [
  { type: "AlertRaised", data: alert(n) },
  { type: "AlertAcknowledged", data: { comment: "looking at it" } },
  { type: "AlertResolved", data: { comment: "the airport was closed for snow" } },
];

const newEvent = (event: LifecycleEvent, at: number): NewEvent => ({
  id: randomUUID(),
  type: event.type,
  data: event.data,
  metadata: {
    $correlationId: randomUUID(),
    $causationId: randomUUID(),
    actor: "ada",
    project: PROJECT,
    schemaVersion: currentVersion(event.type),
    at,
  },
});

/** Training jobs (23 events each) and alerts (3 each), one of the first to two of the second. Answers how many events. */
const fill = async (eventStore: EventStore, wanted: number): Promise<number> => {
  let events = 0;
  const append = async (aggregate: "training-job" | "alert", id: string, life: LifecycleEvent[]): Promise<void> => {
    const at = START_AT + events;
    events += life.length;
    const stored = life.map((event, i) => newEvent(event, at + i));
    await eventStore.append(streamName(aggregate, PROJECT, id), stored, "no-stream");
  };
  for (let n = 1; events < wanted; ) {
    const group: Promise<void>[] = [];
    for (let i = 0; i < 200; i++, n++) {
      if (n % 3 === 0) group.push(append("training-job", `job-${n}`, jobLife(n)));
      else group.push(append("alert", `alert-${n}`, alertLife(n)));
    }
    await Promise.all(group);
  }
  return events;
};

const secondsOf = async (work: () => Promise<unknown>): Promise<number> => {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
};

/** The ceiling: the same events read and parsed, and nothing done with them. */
const readAlone = async (eventStore: EventStore): Promise<number> => {
  let read = 0;
  for await (const _ of eventStore.readAll()) read++;
  return read;
};

const rebuildOnce = async (eventStore: EventStore, onlineStore: OnlineStore): Promise<number[]> => {
  const stopping = new AbortController();
  const projection = documentsProjection;
  const running = runProjection({ projection, eventStore, onlineStore, signal: stopping.signal });
  await running.caughtUp;
  const seconds: number[] = [];
  for (let i = 0; i < 3; i++) seconds.push((await running.rebuild()).ms / 1000);
  stopping.abort();
  await running.done;
  return seconds;
};

/**
 * Rebuild of the documents over lifecycle events in a real event store, beside the live generation. The best of
 * three of each, since the machine is shared.
 */
export const run = async (options: { events?: number } = {}): Promise<BenchResult> => {
  const directory = mkdtempSync(join(tmpdir(), "millrace-bench-"));
  const path = join(directory, "millrace.db");
  const eventStore = sqliteEventStore(path);
  const onlineStore = sqliteOnlineStore(path);
  try {
    const events = await fill(eventStore, options.events ?? 200_000);
    const reads: number[] = [];
    for (let i = 0; i < 3; i++) reads.push(await secondsOf(() => readAlone(eventStore)));
    const rebuilds = await rebuildOnce(eventStore, onlineStore);
    const figure = events / Math.min(...rebuilds);
    const ceiling = events / Math.min(...reads);
    const documents = await onlineStore.count("doc:4:alerts:flights:name");
    const jobs = await onlineStore.count("doc:4:trainingJobs:flights:name");
    return {
      name: "rebuild",
      figure: Math.round(figure),
      unit: "events/s",
      ceiling: Math.round(ceiling),
      ratio: Number((figure / ceiling).toFixed(3)),
      rssMb: Math.round(process.memoryUsage.rss() / 2 ** 20),
      notes: [
        `${events} events into ${documents + jobs} documents and three indexes each`,
        `rebuilds took ${rebuilds.map((s) => s.toFixed(2)).join(", ")} s`,
        `reading and parsing alone took ${reads.map((s) => s.toFixed(2)).join(", ")} s`,
      ],
    };
  } finally {
    await eventStore.close();
    await onlineStore.close();
    rmSync(directory, { recursive: true, force: true });
  }
};
