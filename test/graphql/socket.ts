import type { TestContext } from "node:test";
import { type Client, createClient } from "graphql-ws";
import { WebSocket } from "ws";
import type { TestServer } from "./platform.ts";

/** A graphql-transport-ws client that is closed after the test. */
export const socket = (t: TestContext, server: TestServer, connectionParams?: Record<string, string>): Client => {
  const client = createClient({
    url: `${server.url.replace(/^http/, "ws")}/graphql`,
    webSocketImpl: WebSocket,
    retryAttempts: 0,
    connectionParams,
  });
  t.after(() => client.dispose());
  return client;
};

export type Subscription<T> = {
  received: T[];
  ended: Promise<unknown>;
  stop(): void;
};

/** Listens and collects what comes under the one field of the query. */
export const listen = <T>(client: Client, query: string, variables?: Record<string, unknown>): Subscription<T> => {
  const received: T[] = [];
  const end = Promise.withResolvers<unknown>();
  const stop = client.subscribe<Record<string, T>>(
    { query, variables },
    {
      next({ data, errors }) {
        if (errors !== undefined) return this.error?.(errors);
        received.push(Object.values(data as Record<string, T>)[0]);
      },
      error(reason) {
        end.resolve(reason);
      },
      complete() {
        end.resolve(null);
      },
    },
  );
  return { received, ended: end.promise, stop };
};
