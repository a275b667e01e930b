import type { Logger } from "pino";
import type { EventStore, StoredEvent } from "../../infra/event-store/port.ts";
import { MillraceError } from "../../schemas/errors.ts";
import { aggregates } from "../../schemas/lifecycle.ts";

export type EventListener = { event(event: StoredEvent): void; failed(error: unknown): void };

export type LifecycleFeed = {
  /** Resolves when the feed stands: what is appended afterwards arrives. Answers how to leave. */
  add(listener: EventListener): Promise<() => void>;
  close(): Promise<void>;
};

export const lifecyclePrefixes: readonly string[] = aggregates.map((aggregate) => `${aggregate}-`);

/** Every lifecycle event from now on, read once for all listeners, while somebody listens. */
export const lifecycleFeed = (eventStore: EventStore, logger: Logger): LifecycleFeed => {
  const listeners = new Set<EventListener>();
  let stopping: AbortController | null = null;
  let running: Promise<void> = Promise.resolve();
  let standing: Promise<void> = Promise.resolve();

  const follow = async (signal: AbortSignal, ready: () => void): Promise<void> => {
    try {
      const after = await eventStore.head();
      ready();
      for await (const message of eventStore.subscribe({ after, prefixes: lifecyclePrefixes, signal })) {
        if (message.type !== "event") continue;
        for (const listener of listeners) listener.event(message.event);
      }
    } catch (error) {
      if (signal.aborted) return;
      logger.error({ err: error }, "the feed of lifecycle events stopped");
      for (const listener of listeners) listener.failed(error);
      listeners.clear();
      stopping = null;
    } finally {
      ready();
    }
  };

  return {
    async add(listener) {
      listeners.add(listener);
      if (stopping === null) {
        const starting = new AbortController();
        const { promise, resolve } = Promise.withResolvers<void>();
        stopping = starting;
        standing = promise;
        running = running.then(() => follow(starting.signal, resolve));
      }
      await standing;
      return () => {
        listeners.delete(listener);
        if (listeners.size > 0) return;
        stopping?.abort();
        stopping = null;
      };
    },
    async close() {
      stopping?.abort();
      stopping = null;
      const closed = new MillraceError("CLOSED", "the server is shutting down; subscribe again");
      for (const listener of listeners) listener.failed(closed);
      listeners.clear();
      await running;
    },
  };
};
