import { type EventStore, type Position, START } from "../infra/event-store/port.ts";
import type { LifecycleEvent } from "../schemas/lifecycle.ts";
import { upcast } from "../schemas/upcasters.ts";

/** The part of a decider that folding needs. */
export type Fold = { initial: unknown; evolve(state: unknown, event: LifecycleEvent): unknown };

/** A folded stream. `revision` is that of its newest event, -1n before the first. */
export type Loaded = { state: unknown; revision: bigint; position: Position };

/**
 * Folds streams, keeping the newest `capacity` of them. Every load reads what was appended since, so a kept state
 * is never stale, whoever wrote; states are immutable values, so sharing them is safe.
 */
export const stateReader = (
  eventStore: EventStore,
  capacity = 1024,
): { load(stream: string, fold: Fold): Promise<Loaded> } => {
  const kept = new Map<string, Loaded>();
  return {
    async load(stream, { initial, evolve }) {
      let { state, revision, position } = kept.get(stream) ?? { state: initial, revision: -1n, position: START };
      for await (const stored of eventStore.readStream(stream, revision + 1n)) {
        const data = upcast(stored.type, stored.metadata.schemaVersion, stored.data);
        state = evolve(state, { type: stored.type, data, by: stored.metadata.actor } as LifecycleEvent);
        ({ revision, position } = stored);
      }
      const loaded = { state, revision, position };
      // Two loads may cross: the one that saw more stays.
      if (revision >= 0n && revision >= (kept.get(stream)?.revision ?? -1n)) {
        kept.delete(stream);
        kept.set(stream, loaded);
        if (kept.size > capacity) kept.delete(kept.keys().next().value as string);
      }
      return loaded;
    },
  };
};
