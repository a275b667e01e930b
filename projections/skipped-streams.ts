import type { EventStore, StoredEvent } from "../infra/event-store/port.ts";
import type { OnlineStore } from "../infra/online-store/port.ts";
import { isMillraceError } from "../schemas/errors.ts";

/** Under the generation's own prefix: the streams that it has left something out of, because it could not be read. */
export const skippedKey = (prefix: string): string => `${prefix}skipped`;

export const readSkipped = async (onlineStore: OnlineStore, prefix: string): Promise<Set<string>> => {
  const value = await onlineStore.get(skippedKey(prefix));
  return new Set(value === null ? [] : (JSON.parse(value.toString()) as string[]));
};

export const encodeSkipped = (streams: ReadonlySet<string>): Buffer => Buffer.from(JSON.stringify([...streams]));

/** Whether a later release, or a restored store, reads one of the streams now. */
export const isAnyReadable = async (eventStore: EventStore, streams: Iterable<string>): Promise<boolean> => {
  for (const stream of streams) {
    try {
      let events = 0;
      for await (const _ of eventStore.readStream(stream)) events++;
      if (events > 0) return true;
    } catch (error) {
      if (!isUnreadable(error)) throw error;
    }
  }
  return false;
};

/**
 * Folds events, each stream up to the first whose data are not what its type has: what follows there is left out. Not
 * what fails for a reason of its own.
 */
export const streamFolder = () => {
  /** From which revision on. */
  const refused = new Map<string, bigint>();
  return {
    refused: (): Iterable<string> => refused.keys(),
    /** Undefined where it is left out. */
    fold<T>(event: StoredEvent, fold: (event: StoredEvent) => T): T | undefined {
      if (refused.size > 0 && event.revision >= (refused.get(event.stream) ?? event.revision + 1n)) return undefined;
      try {
        return fold(event);
      } catch (error) {
        if (!(error instanceof TypeError)) throw error;
        refused.set(event.stream, event.revision);
        return undefined;
      }
    },
  };
};

/** The stream is at fault, and will be at the next try. */
export const isUnreadable = (error: unknown): boolean =>
  isMillraceError(error, "UNREADABLE_EVENT") ||
  isMillraceError(error, "UNKNOWN_EVENT") ||
  isMillraceError(error, "HISTORY_INCOMPLETE");
