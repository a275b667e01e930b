import { readlinkSync } from "node:fs";
import { setPriority } from "node:os";
import { basename } from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import pino from "pino";
import { Gauge, Registry } from "prom-client";
import { problems, type Report } from "../infra/report.ts";
import { openEngines } from "./engines.ts";
import type { Role, RoleName } from "./role.ts";
import { looksPerTimeout, stepTeller } from "./step-watch.ts";
import type { FromThread, ThreadStart, ToThread } from "./threads.ts";

/** A role in a thread of its own: ports of its own, told to stop and asked for its metrics by messages. */
const { role, share, settings, warehouseUrl, beat, board, halted } = workerData as ThreadStart;

const loaders: Record<RoleName, () => Promise<Role>> = {
  streams: async () => (await import("./roles/streams.ts")).streamsRole,
  projections: async () => (await import("./roles/projections.ts")).projectionsRole,
  training: async () => (await import("./roles/training.ts")).trainingRole,
};

const port = parentPort as NonNullable<typeof parentPort>;
const say = (message: FromThread): void => port.postMessage(message);
const stop = new AbortController();
const metrics = new Registry();
new Gauge({
  name: "millrace_thread_memory_bytes",
  help: "Memory of a role's thread: JavaScript heap in use and reserved, buffers outside of it",
  labelNames: ["role", "thread", "kind"],
  registers: [metrics],
  collect() {
    const { heapUsed, heapTotal, external } = process.memoryUsage();
    const labels = { role, thread: String(share.index) };
    for (const [kind, bytes] of Object.entries({ heapUsed, heapTotal, external })) this.set({ ...labels, kind }, bytes);
  },
});
const logger = pino({ level: settings.logLevel, base: share.of > 1 ? { role, thread: share.index } : { role } });

port.on("message", (message: ToThread) => {
  if (message.type === "stop") stop.abort();
  else void metrics.getMetricsAsJSON().then((found) => say({ type: "metrics", id: message.id, metrics: found }));
});

/** The main thread sees by it that this event loop turns. */
const heart = new BigInt64Array(beat);
setInterval(() => Atomics.store(heart, 0, process.hrtime.bigint()), 1_000).unref();

/** Bulk work leaves the processor to requests. On Linux niceness belongs to a thread; elsewhere nothing happens. */
const yieldToRequests = (): void => {
  try {
    setPriority(Number(basename(readlinkSync("/proc/thread-self"))), 10);
  } catch (error) {
    logger.debug({ err: error }, "the thread keeps its priority");
  }
};

yieldToRequests();
const steps = stepTeller(board);
setInterval(steps.beat, settings.stepTimeoutMs / looksPerTimeout / 2).unref();
const engines = await openEngines(settings);
try {
  const run = await loaders[role]();
  // Told to stop, it takes nothing up.
  const ready = (): void => (stop.signal.aborted ? undefined : say({ type: "ready" }));
  const told = problems();
  const report: Report = (part, problem) => {
    if ((told.current().get(part) ?? null) === problem) return;
    told.report(part, problem);
    say({ type: "report", part, problem });
  };
  const note: Report = (part, text) => {
    if ((told.notes().get(part) ?? null) === text) return;
    told.note(part, text);
    say({ type: "note", part, text });
  };
  await run({
    share,
    engines,
    settings,
    warehouseUrl,
    metrics,
    logger,
    signal: stop.signal,
    ready,
    report,
    note,
    steps: { at: steps.at, halted, released: (task) => say({ type: "released", task }) },
  });
} finally {
  await engines.close();
  port.close();
}
