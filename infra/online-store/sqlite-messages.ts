import { BroadcastChannel } from "node:worker_threads";

type Handler = (message: string) => void;
type Message = { channel: string; message: string };

export type Messages = {
  publish(channel: string, message: string): void;
  subscribe(channel: string, handler: Handler): () => Promise<void>;
  close(): void;
};

/** Publish and subscribe among the threads of this process. Does not keep the process alive. */
export const messages = (name: string): Messages => {
  const broadcast = new BroadcastChannel(name);
  broadcast.unref();
  const handlers = new Map<string, Set<Handler>>();

  const deliver = ({ channel, message }: Message): void => {
    for (const handler of [...(handlers.get(channel) ?? [])]) handler(message);
  };
  broadcast.onmessage = (event) => deliver((event as { data: Message }).data);

  return {
    publish(channel, message) {
      broadcast.postMessage({ channel, message });
      // The sender's own subscribers too, but never before `publish` has returned.
      queueMicrotask(() => deliver({ channel, message }));
    },
    subscribe(channel, handler) {
      // A set of its own entry, so that one function may subscribe twice.
      const entry: Handler = (message) => handler(message);
      const entries = handlers.get(channel) ?? new Set();
      handlers.set(channel, entries.add(entry));
      return async () => {
        entries.delete(entry);
        if (entries.size === 0 && handlers.get(channel) === entries) handlers.delete(channel);
      };
    },
    close() {
      handlers.clear();
      broadcast.close();
    },
  };
};
