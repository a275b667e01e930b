import type { Clock } from "../infra/clock.ts";
import type { OnlineStore } from "../infra/online-store/port.ts";
import { blobReader } from "../ml/features/bytes.ts";
import { evaluateBlob } from "../ml/features/state.ts";
import type { ViewPlan } from "../ml/features/view.ts";
import { MillraceError } from "../schemas/errors.ts";
import { featureKey } from "./online-changes.ts";

/**
 * OUTSIDE_MAX_AGE: there is a state, but at that moment its newest event was older than the view's time to live.
 * The names are those of Feast's feature server.
 */
export type OnlineStatus = "PRESENT" | "NOT_FOUND" | "OUTSIDE_MAX_AGE";

/** One entity's features as of `at`, UTC milliseconds, in the order asked; null where there is no value. */
export type OnlineFeatures = {
  entity: string;
  values: (number | null)[];
  status: OnlineStatus;
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

/** A blob (ml/features/blob.ts) begins with its version and two bytes of its layout; its newest event time follows. */
const newestEvent = (blob: Buffer): number => {
  const from = blobReader(blob);
  for (let header = 0; header < 3; header++) from.byte();
  return from.varint();
};

/**
 * Features of entities as of now: windows that have passed and states past their time to live are evaluated at
 * the read. With `at`, UTC milliseconds, the newest state is evaluated as of that moment instead: of what came later
 * nothing is counted beyond the tile of the moment, but what has left the windows since is gone.
 * NOT_FOUND for an unknown view or feature, BAD_REQUEST for more than 1000 entities.
 */
export const onlineFeatures = (options: OnlineFeaturesOptions) => {
  const { onlineStore, plan: planOf, trailerBytes = () => 0, clock } = options;
  return {
    async get(
      project: string,
      view: string,
      entities: readonly string[],
      features?: readonly string[],
      at: number = clock(),
    ): Promise<OnlineFeatures[]> {
      const plan = planOf(project, view);
      if (plan === null) throw new MillraceError("NOT_FOUND", `Project ${project} has no feature view "${view}".`);
      if (entities.length > MAX_ENTITIES) {
        const message = `entities: at most ${MAX_ENTITIES} a call, got ${entities.length}; ask in several calls`;
        throw new MillraceError("BAD_REQUEST", message);
      }
      const indices = indicesOf(plan, features);
      const trailer = trailerBytes(project, view);
      const ttl = plan.definition.ttlMs ?? Number.POSITIVE_INFINITY;
      const states = await onlineStore.mget(entities.map((entity) => featureKey(project, view, plan.version, entity)));
      return entities.map((entity, i) => {
        const state = states[i];
        const none = (status: OnlineStatus): OnlineFeatures => ({
          entity,
          values: indices.map(() => null),
          status,
          at,
        });
        if (state === null) return none("NOT_FOUND");
        const blob = state.subarray(0, state.length - trailer);
        if (at - newestEvent(blob) > ttl) return none("OUTSIDE_MAX_AGE");
        const values = evaluateBlob(plan, blob, at);
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
