import { type EventStore, type Position, START, type StoredEvent } from "../infra/event-store/port.ts";
import { isMillraceError, MillraceError } from "../schemas/errors.ts";
import type { LifecycleEvent } from "../schemas/lifecycle.ts";
import { upcast } from "../schemas/upcasters.ts";

/** The part of a decider that folding needs. */
export type Fold = { initial: unknown; evolve(state: unknown, event: LifecycleEvent): unknown };

/** A folded stream. `revision` is that of its newest event, -1n before the first. */
export type Loaded = { state: unknown; revision: bigint; position: Position };

/** `id` is that of the newest event, empty before the first; `checkedAt` when it was last seen there. */
type Kept = Loaded & { id: string; checkedAt: number };

const nothing = (initial: unknown): Kept => ({ state: initial, revision: -1n, position: START, id: "", checkedAt: 0 });

export type StateReader = {
  load(stream: string, fold: Fold): Promise<Loaded>;
  /** What is kept of the stream did not stand the test of an append. */
  forget(stream: string): void;
};

/**
 * Folds streams, keeping the newest `capacity` of them. Every load reads what was appended since, so a kept state
 * is never stale, whoever wrote; states are immutable values, so sharing them is safe. The newest event of a kept state
 * is read again where it was not seen for `recheckMs`: if it is not what it was, the log is another (a restored backup),
 * and the stream is folded anew.
 */
export const stateReader = (
  eventStore: EventStore,
  { capacity = 1024, recheckMs = 10_000 }: { capacity?: number; recheckMs?: number } = {},
): StateReader => {
  const kept = new Map<string, Kept>();

  /** Null where the stream does not go on from there. */
  const readOn = async (stream: string, from: Kept, { evolve }: Fold): Promise<Kept | null> => {
    let { state, revision, position, id, checkedAt } = from;
    const now = performance.now();
    let isKnown = revision < 0n || now - checkedAt < recheckMs;
    if (!isKnown || revision < 0n) checkedAt = now;
    for await (const stored of eventStore.readStream(stream, isKnown ? revision + 1n : revision)) {
      if (!isKnown) {
        if (stored.id !== id || stored.position !== position) return null;
        isKnown = true;
        continue;
      }
      state = folded(stored, state, evolve);
      ({ revision, position, id } = stored);
      checkedAt = now;
    }
    return isKnown ? { state, revision, position, id, checkedAt } : null;
  };

  /** As `readOn`; what is wrong with the stream shows when it is read from its beginning. */
  const readOnIfSame = (stream: string, from: Kept, fold: Fold): Promise<Kept | null> =>
    readOn(stream, from, fold).catch((error: unknown) => {
      if (isMillraceError(error, "HISTORY_INCOMPLETE")) return null;
      throw error;
    });

  return {
    async load(stream, fold) {
      const known = kept.get(stream);
      let loaded = known === undefined ? null : await readOnIfSame(stream, known, fold);
      if (loaded === null) {
        if (known !== undefined && kept.get(stream) === known) kept.delete(stream);
        loaded = (await readOn(stream, nothing(fold.initial), fold)) as Kept;
      }
      // Two loads may cross: the one that saw more stays.
      if (loaded.revision >= 0n && loaded.revision >= (kept.get(stream)?.revision ?? -1n)) {
        kept.delete(stream);
        kept.set(stream, loaded);
        if (kept.size > capacity) kept.delete(kept.keys().next().value as string);
      }
      return loaded;
    },
    forget: (stream) => void kept.delete(stream),
  };
};

/** UNREADABLE_EVENT where the data are not what the type has. */
const folded = (stored: StoredEvent, state: unknown, evolve: Fold["evolve"]): unknown => {
  const { type, stream, revision, position, metadata } = stored;
  const data = upcast(type, metadata.schemaVersion, stored.data);
  try {
    return evolve(state, { type, data, by: metadata.actor } as LifecycleEvent);
  } catch (cause) {
    const message = `${stream} cannot be read from revision ${revision} on (position ${position}): ${type} has other data`;
    throw new MillraceError("UNREADABLE_EVENT", message, {
      details: { stream, revision: Number(revision), position },
      cause,
    });
  }
};
