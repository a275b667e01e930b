import { platformState } from "../commands/references/platform-state.ts";
import type { Broker } from "../infra/broker/port.ts";
import type { EventStore } from "../infra/event-store/port.ts";
import type { SchemaRegistry } from "../infra/schema-registry/port.ts";
import { MillraceError } from "../schemas/errors.ts";
import type { Lineage } from "../schemas/lifecycle/model.ts";
import type { TrainingSpec } from "../schemas/lifecycle/training-job.ts";
import { foldPartition } from "./dataset.ts";
import { decoders } from "./decoders.ts";
import { planTraining, type TrainingPlan } from "./plan.ts";
import { labelledRows } from "./rows.ts";

/** One row that a model version learned from: its business key, and where in the log its trigger lies. */
export type TrainingRow = {
  key: string;
  /** Event time of the trigger, UTC milliseconds. */
  time: number;
  topic: string;
  partition: number;
  offset: number;
  label: number;
};

/** What a version says of its training, and when that was. */
export type TrainedVersion = {
  project: string;
  spec: TrainingSpec;
  lineage: Pick<Lineage, "positions" | "views">;
  /** Moments, the likeliest first, at which the job may have looked at the platform's views. */
  plannedAt: readonly number[];
};

export type TrainingRowsPorts = { eventStore: EventStore; broker: Broker; registry: SchemaRegistry };

export type TrainingRowsPage = { first: number; after?: { partition: number; offset: number } };

type PartitionRows = { keys: string[]; times: number[]; offsets: number[]; labels: number[] };

/** What is kept, so that the next page need not fold the log again. */
const KEPT = 8;

/** The newest few of what was made, by key. What fails is not kept. */
const recent = <T>(): ((key: string, make: () => Promise<T>) => Promise<T>) => {
  const kept = new Map<string, Promise<T>>();
  return (key, make) => {
    const value = kept.get(key) ?? make();
    kept.delete(key);
    kept.set(key, value);
    value.catch(() => kept.delete(key));
    if (kept.size > KEPT) kept.delete(kept.keys().next().value as string);
    return value;
  };
};

/**
 * Enumerates the rows of a training set from the log, by partition and offset: the same fold that built the set, up to
 * the positions that the version keeps in its lineage. A partition is folded once and then kept for a while.
 * ILLEGAL_STATE where views are no longer what they were, or retention has removed a part of the history.
 */
export const trainingRows = (ports: TrainingRowsPorts) => {
  const plans = recent<TrainingPlan>();
  const folded = recent<PartitionRows>();

  return {
    async page(version: TrainedVersion, { first, after }: TrainingRowsPage) {
      const key = JSON.stringify(version);
      const plan = await plans(key, () => planOf(ports, version));
      const topic = plan.trigger.topic;
      const found: TrainingRow[] = [];
      for (let partition = after?.partition ?? 0; partition < plan.partitions; partition++) {
        const { keys, times, offsets, labels } = await folded(`${partition} ${key}`, () =>
          fold(ports, plan, version.lineage.positions, partition),
        );
        const behind = partition === after?.partition ? after.offset : -1;
        for (let i = 0; i < keys.length && found.length <= first; i++) {
          if (offsets[i] <= behind) continue;
          found.push({ key: keys[i], time: times[i], topic, partition, offset: offsets[i], label: labels[i] });
        }
        if (found.length > first) break;
      }
      return { rows: found.slice(0, first), hasNext: found.length > first };
    },
  };
};

const planOf = async ({ eventStore }: TrainingRowsPorts, version: TrainedVersion): Promise<TrainingPlan> => {
  const { project, spec, lineage } = version;
  const wanted = JSON.stringify(lineage.views);
  for (const until of version.plannedAt) {
    const then = { ...eventStore, readAll: (options = {}) => eventStore.readAll({ ...options, until }) };
    const plan = planTraining(await platformState(then).now(), project, spec);
    const views = plan.columns.views.map(({ view, version: number }) => ({ view, version: number }));
    if (JSON.stringify(views) === wanted) return plan;
  }
  throw new MillraceError(
    "ILLEGAL_STATE",
    "the feature views changed while this version was trained: which of their versions each row saw is not known",
  );
};

const fold = async (
  { broker, registry }: TrainingRowsPorts,
  plan: TrainingPlan,
  positions: Readonly<Record<string, number>>,
  partition: number,
): Promise<PartitionRows> => {
  const all = labelledRows(plan.columns.columns.length);
  const triggers: number[] = [];
  await foldPartition({
    broker,
    plan,
    partition,
    decoderOf: await decoders(registry, plan.sources),
    rows: all,
    onRecord: (topic, next) => next <= (positions[`${topic}/${partition}`] ?? 0),
    onRow: (offset) => triggers.push(offset),
  });
  const rows: PartitionRows = { keys: [], times: [], offsets: [], labels: [] };
  for (let row = 0; row < all.count; row++) {
    const label = all.labelOf(row);
    if (Number.isNaN(label)) continue;
    rows.keys.push(all.key(row));
    rows.times.push(all.time(row));
    rows.offsets.push(triggers[row]);
    rows.labels.push(label);
  }
  return rows;
};
