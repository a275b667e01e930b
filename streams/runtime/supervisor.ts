import { setTimeout as sleep } from "node:timers/promises";
import type { Registry } from "prom-client";
import type { Artifacts } from "../../infra/artifacts/port.ts";
import type { Broker } from "../../infra/broker/port.ts";
import type { EventStore } from "../../infra/event-store/port.ts";
import type { OnlineStore } from "../../infra/online-store/port.ts";
import { problemOf, type Report } from "../../infra/report.ts";
import type { SchemaRegistry } from "../../infra/schema-registry/port.ts";
import { asMillraceError } from "../../schemas/errors.ts";
import type { ModelLimits } from "../../serving/limits.ts";
import { followCatalog } from "../catalog.ts";
import { judge } from "../drift/judge.ts";
import { versionLoader } from "../predictions/variant.ts";
import { planTopology } from "../topology.ts";
import { emitter } from "./emitter.ts";
import { failingDeployments } from "./failing-deployments.ts";
import { failingTasks } from "./failing-tasks.ts";
import { schemaCache } from "./input.ts";
import { streamsMetrics } from "./metrics.ts";
import { modelsScoredAlone } from "./models-scored-alone.ts";
import type { TaskEnvironment } from "./open-task.ts";
import { failingAfter, reconfigure, runSlot, type Slot, type StreamsLogger } from "./slots.ts";
import { haltedTasks, type StepWatch, unwatched } from "./step-watch.ts";
import { ensureTopics } from "./topics.ts";
import { waitForWork } from "./wait-for-work.ts";
import { waits } from "./waits.ts";

export type StreamsOptions = {
  eventStore: EventStore;
  broker: Broker;
  registry: SchemaRegistry;
  artifacts: Artifacts;
  onlineStore: OnlineStore;
  clock: () => number;
  maxTaskIdleMs: number;
  sourceIdleMs: number;
  maxAheadMs: number;
  maxBatchRecords: number;
  modelLimits: ModelLimits;
  metrics: Registry;
  logger: StreamsLogger;
  /** This thread's place among those of its process. The member that owns partition 0 also judges drift. */
  share?: { index: number; of: number };
  signal: AbortSignal;
  /** Called once: the tasks that this thread had to begin with are restored, or have failed and will be tried again. */
  onRestored?: () => void;
  /** Told of tasks that fail again and again, and when they go on. */
  report?: Report;
  /** Told of sources that have fallen silent. */
  note?: Report;
  steps?: StepWatch;
};

export type Streams = {
  /** Resolves after the signal, when the batch at hand is committed and everything is closed. */
  done: Promise<void>;
};

/** The group of all threads and processes that share the tasks. */
const streamsGroup = "millrace-streams";

/** How long the batch at hand may take at the end before a model that is being scored in a process is cut off. */
const drainMs = 2_000;

const roundRetryMs = 1_000;

/** Runs every task of the catalog's applications on this thread, one batch each in turn. */
export const runStreams = async (options: StreamsOptions): Promise<Streams> => {
  const { broker, registry, clock, logger, signal, share = { index: 0, of: 1 } } = options;
  const report = options.report ?? (() => {});
  const catalog = await followCatalog(options.eventStore, signal);
  const versions = versionLoader({ artifacts: options.artifacts, limits: options.modelLimits, clock });
  let seen = -1;
  const { maxTaskIdleMs, sourceIdleMs } = options;
  const metrics = streamsMetrics(options.metrics);
  const schemas = schemaCache(registry);
  const note = options.note ?? (() => {});
  const environment: TaskEnvironment = {
    broker,
    schemas,
    onlineStore: options.onlineStore,
    versions,
    emitter: await emitter(registry, clock),
    clock,
    maxTaskIdleMs,
    waits: waits({ broker, schemas, clock, maxTaskIdleMs, sourceIdleMs, metrics, logger, note }),
    maxAheadMs: options.maxAheadMs,
    maxBatchRecords: options.maxBatchRecords,
    metrics,
    isCurrent: async () => {
      await catalog.reached(await options.eventStore.head());
      return catalog.revision() === seen;
    },
  };
  const membership = await broker.join(streamsGroup, share);
  const drift = judge({ broker, artifacts: options.artifacts, emitter: environment.emitter, clock, logger });
  let slots: Slot[] = [];
  let assigned = -1;
  /** Whether anything may have come since the tasks have found nothing. */
  let mayRead = true;
  let restored = false;
  let failedRounds = 0;
  const failing = failingTasks(report);
  const steps = options.steps ?? unwatched;
  const halts = haltedTasks(steps);
  const scoredAlone = modelsScoredAlone(environment.metrics, logger);
  const failingModels = failingDeployments({ report, metrics: environment.metrics, logger });

  const round = async (): Promise<void> => {
    if (catalog.revision() !== seen || membership.revision() !== assigned) {
      const [revision, assignment] = [catalog.revision(), membership.revision()];
      const applications = planTopology(catalog.current());
      await ensureTopics(broker, catalog.current(), applications);
      slots = await reconfigure(slots, applications, membership, logger);
      await versions.retain(catalog.current().deployments.values());
      seen = revision;
      assigned = assignment;
      mayRead = true;
    }
    if (slots.some(({ lacksTopic }) => lacksTopic)) {
      await ensureTopics(broker, catalog.current(), planTopology(catalog.current()));
      for (const slot of slots) slot.lacksTopic = false;
    }
    let taken = 0;
    for (const slot of mayRead ? slots : []) {
      if (signal.aborted) return;
      if (halts.stands(slot)) continue;
      taken += await runSlot(slot, environment, catalog, { logger, steps });
    }
    failing.tell(slots);
    failingModels.tell(slots);
    scoredAlone.tell(slots);
    await versions.mend();
    if (!restored && membership.revision() > 0) {
      restored = true;
      options.onRestored?.();
    }
    taken += await drift.step(catalog.current(), membership.owns(0), mayRead);
    if (taken > 0) return new Promise(setImmediate);
    const changes = [
      (wake: AbortSignal) => catalog.changed(seen, wake),
      (wake: AbortSignal) => membership.changed(assigned, wake),
    ];
    mayRead = await waitForWork(environment, slots, drift.positions(), changes, signal);
  };

  const abandonLate = (): void => {
    setTimeout(versions.abandon, drainMs).unref();
  };

  const loop = async (): Promise<void> => {
    signal.addEventListener("abort", abandonLate, { once: true });
    try {
      while (!signal.aborted) {
        try {
          await round();
          if (failedRounds >= failingAfter) report("streams", null);
          failedRounds = 0;
        } catch (error) {
          if (!asMillraceError(error).retryable) throw error;
          mayRead = true;
          failedRounds += 1;
          if (failedRounds >= failingAfter) report("streams", problemOf(error));
          logger.warn({ err: error, retryInMs: roundRetryMs }, "an engine does not answer; the tasks wait for it");
          await sleep(roundRetryMs, undefined, { signal }).catch(() => {});
        }
      }
    } finally {
      signal.removeEventListener("abort", abandonLate);
      for (const slot of slots) await slot.task?.close();
      await drift.close();
      await versions.close();
      await membership.leave();
    }
  };
  return { done: loop() };
};
