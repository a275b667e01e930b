import type { Clock } from "../infra/clock.ts";
import type { OnlineStore } from "../infra/online-store/port.ts";
import { evaluateBlob } from "../ml/features/state.ts";
import type { ViewPlan } from "../ml/features/view.ts";
import { MillraceError } from "../schemas/errors.ts";
import { featureKey } from "./online-changes.ts";

/** One entity's features as of `at`, UTC milliseconds, in the order asked; null where there is no value. */
export type OnlineFeatures = {
  entity: string;
  values: (number | null)[];
  status: "PRESENT" | "NOT_FOUND";
  at: number;
};

export type OnlineFeaturesOptions = {
  onlineStore: OnlineStore;
  /** The view's plan at its newest version; null where there is no such view. */
  plan: (project: string, view: string) => ViewPlan | null;
  /** Bytes after the state blob of a view that another application computes behind a re-keyed topic; 0 for most. */
  trailerBytes?: (project: string, view: string) => number;
  clock: Clock;
};

const MAX_ENTITIES = 1000;

const indicesOf = (plan: ViewPlan, features: readonly string[] | undefined): number[] => {
  if (features === undefined) return plan.featureNames.map((_, i) => i);
  return features.map((feature) => {
    const index = plan.featureNames.indexOf(feature);
    if (index >= 0) return index;
    const known = plan.featureNames.join(", ");
    throw new MillraceError("NOT_FOUND", `View ${plan.view} has no feature "${feature}"; it has: ${known}.`);
  });
};

/**
 * Features of entities as of now: windows that have passed and states past their time to live are evaluated at
 * the read. NOT_FOUND for an unknown view or feature, BAD_REQUEST for more than 1000 entities.
 */
export const onlineFeatures = (options: OnlineFeaturesOptions) => {
  const { onlineStore, plan: planOf, trailerBytes = () => 0, clock } = options;
  return {
    async get(
      project: string,
      view: string,
      entities: readonly string[],
      features?: readonly string[],
    ): Promise<OnlineFeatures[]> {
      const plan = planOf(project, view);
      if (plan === null) throw new MillraceError("NOT_FOUND", `Project ${project} has no feature view "${view}".`);
      if (entities.length > MAX_ENTITIES) {
        const message = `entities: at most ${MAX_ENTITIES} a call, got ${entities.length}; ask in several calls`;
        throw new MillraceError("BAD_REQUEST", message);
      }
      const indices = indicesOf(plan, features);
      const trailer = trailerBytes(project, view);
      const at = clock();
      const states = await onlineStore.mget(entities.map((entity) => featureKey(project, view, plan.version, entity)));
      return entities.map((entity, i) => {
        const state = states[i];
        if (state === null) return { entity, values: indices.map(() => null), status: "NOT_FOUND", at };
        const values = evaluateBlob(plan, state.subarray(0, state.length - trailer), at);
        const isMissing = (index: number): boolean => Number.isNaN(values[index]);
        return {
          entity,
          values: indices.map((index) => (isMissing(index) ? null : values[index])),
          status: "PRESENT",
          at,
        };
      });
    },
  };
};
