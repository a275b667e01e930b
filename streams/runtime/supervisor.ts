import { setTimeout as sleep } from "node:timers/promises";
import type { Registry } from "prom-client";
import type { Artifacts } from "../../infra/artifacts/port.ts";
import type { Broker, Membership } from "../../infra/broker/port.ts";
import type { EventStore } from "../../infra/event-store/port.ts";
import type { OnlineStore } from "../../infra/online-store/port.ts";
import { problemOf, type Report } from "../../infra/report.ts";
import type { SchemaRegistry } from "../../infra/schema-registry/port.ts";
import { asMillraceError, type MillraceError } from "../../schemas/errors.ts";
import type { ModelLimits } from "../../serving/limits.ts";
import { type CatalogFollower, followCatalog } from "../catalog.ts";
import { judge } from "../drift/judge.ts";
import { versionLoader } from "../predictions/variant.ts";
import { type Application, planTopology } from "../topology.ts";
import { emitter } from "./emitter.ts";
import { failingDeployments } from "./failing-deployments.ts";
import { schemaCache, type TaskInput } from "./input.ts";
import { streamsMetrics } from "./metrics.ts";
import { type Carried, carriedOf, openTask, type TaskEnvironment } from "./open-task.ts";
import { haltedTasks, type StepWatch, taskName, unwatched } from "./step-watch.ts";
import type { Task } from "./task.ts";
import { ensureTopics } from "./topics.ts";

export type StreamsLogger = {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
};

export type StreamsOptions = {
  eventStore: EventStore;
  broker: Broker;
  registry: SchemaRegistry;
  artifacts: Artifacts;
  onlineStore: OnlineStore;
  clock: () => number;
  maxTaskIdleMs: number;
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
  steps?: StepWatch;
};

type Slot = {
  application: Application;
  signature: string;
  partition: number;
  task: Task | null;
  carried: Carried | null;
  failures: number;
  /** Why it fails again and again. */
  problem: string | null;
  retryAt: number;
  /** It failed for want of a topic, which somebody has deleted. */
  lacksTopic: boolean;
};

export type Streams = {
  /** Resolves after the signal, when the batch at hand is committed and everything is closed. */
  done: Promise<void>;
};

/** The group of all threads and processes that share the tasks. */
const streamsGroup = "millrace-streams";

/** How long a task stays closed whose partition another member has taken over, unless it is assigned anew. */
const fencedMs = 10_000;

/** How long the batch at hand may take at the end before a model that is being scored in a process is cut off. */
const drainMs = 2_000;

const roundRetryMs = 1_000;

/** How long a thread with nothing to do sleeps unless it is woken. Windows of silent partitions are judged by then. */
const idleMs = 5_000;

/** So many failures in a row are no accident of the moment. */
const failingAfter = 2;

/** Runs every task of the catalog's applications on this thread, one batch each in turn. */
export const runStreams = async (options: StreamsOptions): Promise<Streams> => {
  const { broker, registry, clock, logger, signal, share = { index: 0, of: 1 } } = options;
  const report = options.report ?? (() => {});
  const catalog = await followCatalog(options.eventStore, signal);
  const versions = versionLoader({ artifacts: options.artifacts, limits: options.modelLimits, clock });
  let seen = -1;
  const environment: TaskEnvironment = {
    broker,
    schemas: schemaCache(registry),
    onlineStore: options.onlineStore,
    versions,
    emitter: await emitter(registry, clock),
    clock,
    maxTaskIdleMs: options.maxTaskIdleMs,
    maxBatchRecords: options.maxBatchRecords,
    metrics: streamsMetrics(options.metrics),
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

/** One batch of one task. A failing task is closed and restored from its changelog later, its batch undone. */
const runSlot = async (
  slot: Slot,
  environment: TaskEnvironment,
  catalog: CatalogFollower,
  { logger, steps }: { logger: StreamsLogger; steps: StepWatch },
): Promise<number> => {
  const where = { application: slot.application.id, partition: slot.partition };
  if (slot.task === null) {
    if (environment.clock() < slot.retryAt) return 0;
    try {
      slot.task = await openTask(environment, catalog.current(), slot.application, slot.partition, slot.carried);
      slot.carried = null;
      logger.info(where, "task started");
      for (const log of slot.task.parts.gone) {
        environment.metrics.placesCut.inc({ store: "tasks" });
        logger.warn(
          { ...where, log },
          "a topic was deleted and made again: the task goes on at the start of the new one",
        );
      }
    } catch (error) {
      fail(slot, asMillraceError(error), environment, logger);
      return 0;
    }
  }
  // Not while it is restored: that takes as long as there is history.
  steps.at(taskName(slot));
  try {
    const taken = await slot.task.step();
    if (taken > 0 || slot.task.parts.inputs.every(isDry)) {
      slot.failures = 0;
      slot.problem = null;
    }
    return taken;
  } catch (error) {
    await slot.task.close();
    slot.task = null;
    environment.metrics.restarts.inc({ application: slot.application.id });
    fail(slot, asMillraceError(error), environment, logger);
    return 0;
  } finally {
    steps.at(null);
  }
};

const fail = (slot: Slot, error: MillraceError, environment: TaskEnvironment, logger: StreamsLogger): void => {
  slot.failures += 1;
  slot.carried = null;
  // Who has lost its partition to another has not failed.
  slot.problem = slot.failures < failingAfter || error.code === "FENCED" ? null : problemOf(error);
  slot.lacksTopic ||= error.code === "UNKNOWN_TOPIC";
  const delay = error.code === "FENCED" ? fencedMs : Math.min(30_000, 100 * 2 ** Math.min(slot.failures, 8));
  slot.retryAt = environment.clock() + delay;
  logger.error(
    { application: slot.application.id, partition: slot.partition, code: error.code, err: error, retryInMs: delay },
    "task failed; it goes on from its last commit",
  );
};

const isDry = ({ batch, index }: TaskInput): boolean => batch === null || index >= batch.count;

/** Reports tasks that fail, each as a part of its own, until they go on or are no longer this thread's. */
const failingTasks = (report: Report): { tell(slots: readonly Slot[]): void } => {
  let told = new Set<string>();
  return {
    tell(slots) {
      if (told.size === 0 && slots.every(({ problem }) => problem === null)) return;
      const failing = new Set<string>();
      for (const { application, partition, problem } of slots) {
        if (problem === null) continue;
        const part = `task ${taskName({ application, partition })}`;
        failing.add(part);
        report(part, problem);
      }
      for (const part of told) if (!failing.has(part)) report(part, null);
      told = failing;
    },
  };
};

/** Tasks for the catalog as it is now; those whose application has not changed go on untouched. */
const reconfigure = async (
  old: readonly Slot[],
  applications: readonly Application[],
  membership: Membership,
  logger: StreamsLogger,
): Promise<Slot[]> => {
  membership.subscribe([...new Set(applications.flatMap(({ inputs }) => inputs.map(({ topic }) => topic)))].sort());
  const before = new Map(old.map((slot) => [taskName(slot), slot]));
  const slots: Slot[] = [];
  for (const application of applications) {
    const signature = signatureOf(application);
    for (let partition = 0; partition < application.partitions; partition++) {
      if (!membership.owns(partition)) continue;
      const key = taskName({ application, partition });
      const held = before.get(key);
      before.delete(key);
      if (held?.signature === signature) {
        slots.push(held);
        continue;
      }
      const carried = held?.task == null ? null : carriedOf(held.task);
      await held?.task?.close();
      slots.push({
        application,
        signature,
        partition,
        task: null,
        carried,
        failures: 0,
        problem: null,
        retryAt: 0,
        lacksTopic: false,
      });
    }
  }
  for (const slot of before.values()) await slot.task?.close();
  if (old.length !== slots.length) {
    logger.info({ applications: applications.map(({ id }) => id), tasks: slots.length }, "topology changed");
  }
  return slots;
};

const signatureOf = (application: Application): string =>
  JSON.stringify([
    application.inputs.map(({ topic, source }) => [topic, source.schemaId]),
    application.views.map(({ view, version }) => [view, version]),
    application.rekeys.map(({ topic, plan }) => [topic, plan.version]),
    application.deployments.map(({ id, revision }) => [id, revision]),
    application.monitors.map(({ id }) => id),
    [...application.plans.values()].map(({ view, version }) => [view, version]),
  ]);

/**
 * Sleeps until an input that ran dry has records, there is something to be judged, something has changed, or a waiting
 * task's patience ends. Answers false where the tasks would find nothing.
 */
const waitForWork = async (
  { broker, clock, maxTaskIdleMs }: TaskEnvironment,
  slots: readonly Slot[],
  judged: ReadonlyMap<string, number>,
  changes: readonly ((wake: AbortSignal) => Promise<void>)[],
  signal: AbortSignal,
): Promise<boolean> => {
  const from = new Map(judged);
  let holding = false;
  for (const { task, partition } of slots) {
    if (task === null) continue;
    for (const one of task.parts.inputs) {
      if (isDry(one)) from.set(`${one.input.topic}/${partition}`, one.position);
      else holding = true;
    }
  }
  const wake = new AbortController();
  const stop = (): void => wake.abort();
  signal.addEventListener("abort", stop, { once: true });
  for (const changed of changes) void changed(wake.signal).then(stop);
  const partitions = [...from.keys()].map((key) => {
    const slash = key.lastIndexOf("/");
    return { topic: key.slice(0, slash), partition: Number(key.slice(slash + 1)) };
  });
  const due = slots.filter(({ task }) => task === null).map(({ retryAt }) => retryAt - clock());
  const patience = Math.min(idleMs, ...due, ...(holding ? [Math.min(50, maxTaskIdleMs)] : []));
  const reader = broker.reader({ partitions, from });
  try {
    return (await reader.wait(Math.max(5, patience), wake.signal)) || patience < idleMs;
  } finally {
    signal.removeEventListener("abort", stop);
    wake.abort();
    await reader.close();
  }
};
