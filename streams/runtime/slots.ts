import type { Membership } from "../../infra/broker/port.ts";
import { problemOf } from "../../infra/report.ts";
import { asMillraceError, type MillraceError } from "../../schemas/errors.ts";
import type { CatalogFollower } from "../catalog.ts";
import type { Application } from "../topology.ts";
import { isDry } from "./input.ts";
import { type Carried, carriedOf, openTask, type TaskEnvironment } from "./open-task.ts";
import { type StepWatch, taskName } from "./step-watch.ts";
import type { Task } from "./task.ts";

export type StreamsLogger = {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
};

/** The place of one task on this thread; the task is null until it is open, and while it waits to be opened again. */
export type Slot = {
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

/** How long a task stays closed whose partition another member has taken over, unless it is assigned anew. */
const fencedMs = 10_000;

/** So many failures in a row are no accident of the moment. */
export const failingAfter = 2;

/** Tasks for the catalog as it is now; those whose application has not changed go on untouched. */
export const reconfigure = async (
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

/** One batch of one task. A failing task is closed and restored from its changelog later, its batch undone. */
export const runSlot = async (
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
      for (const [view, records] of slot.task.parts.unread.counts) {
        logger.warn(
          { ...where, view, records },
          "a view is built without records that the schema of their source no longer reads: they are dead letters",
        );
      }
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
