import { partitionOf } from "../../infra/broker/port.ts";
import type { OnlineStore } from "../../infra/online-store/port.ts";
import type { FeatureReader } from "../../ml/features/columns.ts";
import { readBlobInto } from "../../ml/features/state.ts";
import type { ViewPlan } from "../../ml/features/view.ts";
import type { PredictionLookup } from "../predictions/encode.ts";
import type { DeploymentStage } from "../predictions/stage.ts";
import type { TaskInput } from "../runtime/input.ts";

/**
 * Views that another application computes: their state is looked up in the online store at its latest, a batch at
 * once, and each prediction keeps which journal entry of that application the state reflects.
 */
export type LookupViews = {
  reader(plan: ViewPlan, partitions: number): FeatureReader;
  /** What was read since the last call. */
  served(): readonly PredictionLookup[];
  /** Fetches what the triggers at hand will read. */
  prefetch(inputs: readonly TaskInput[], stages: readonly DeploymentStage[]): Promise<void>;
};

/** A state blob followed by the offset of the journal entry that it was committed with. */
export const withJournal = (blob: Buffer, journalOffset: number): Buffer => {
  const value = Buffer.allocUnsafe(blob.length + 8);
  blob.copy(value);
  value.writeDoubleLE(journalOffset, blob.length);
  return value;
};

export const splitJournal = (value: Buffer): { blob: Buffer; journalOffset: number } => ({
  blob: value.subarray(0, value.length - 8),
  journalOffset: value.readDoubleLE(value.length - 8),
});

export const featureKey = (project: string, plan: ViewPlan, entity: string): string =>
  `feature:${project}:${plan.view}:${plan.version}:${entity}`;

const none: readonly PredictionLookup[] = [];

export const lookupViews = (project: string, onlineStore: OnlineStore): LookupViews => {
  const plans = new Map<string, ViewPlan>();
  /** By trigger topic: what its batch at hand needs. */
  const held = new Map<string, Map<string, Buffer | null>>();
  let seen: PredictionLookup[] = [];
  const fetched = new WeakSet<object>();
  return {
    reader: (plan, partitions) => {
      plans.set(plan.view, plan);
      const missing = new Float64Array(plan.featureNames.length).fill(Number.NaN);
      return {
        read: (entity, time, out, at) => {
          const value = lookUp(held, featureKey(project, plan, entity));
          const partition = partitionOf(Buffer.from(entity), partitions);
          if (value === null) {
            seen.push({ view: plan.view, partition, offset: -1 });
            out.set(missing, at);
            return true;
          }
          const { blob, journalOffset } = splitJournal(value);
          seen.push({ view: plan.view, partition, offset: journalOffset });
          return readBlobInto(plan, blob, time, out, at);
        },
      };
    },
    served: () => {
      if (seen.length === 0) return none;
      const served = seen;
      seen = [];
      return served;
    },
    prefetch: async (inputs, stages) => {
      if (plans.size === 0) return;
      for (const one of inputs) {
        if (one.batch === null || fetched.has(one.batch)) continue;
        fetched.add(one.batch);
        const keys = new Set<string>();
        const used = stages
          .filter((stage) => stage.triggerTopic === one.input.topic)
          .flatMap((stage) => stage.plan.views.filter((plan) => plans.get(plan.view) === plan));
        for (const plan of used) {
          for (const event of one.events) {
            if (event !== null) keys.add(featureKey(project, plan, plan.entityOf(event)));
          }
        }
        const wanted = [...keys];
        const values = wanted.length === 0 ? [] : await onlineStore.mget(wanted);
        held.set(one.input.topic, new Map(wanted.map((key, i) => [key, values[i]])));
      }
    },
  };
};

const lookUp = (held: ReadonlyMap<string, ReadonlyMap<string, Buffer | null>>, key: string): Buffer | null => {
  for (const values of held.values()) {
    const value = values.get(key);
    if (value !== undefined) return value;
  }
  return null;
};
