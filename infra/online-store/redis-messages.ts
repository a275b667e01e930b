import type { RedisConnection } from "./redis-connection.ts";

type Handler = (message: string) => void;

/**
 * All subscriptions of one store on one connection, which the client makes again, with its channels, after a loss:
 * what was published meanwhile is not heard.
 */
export const redisMessages = (connect: () => Promise<RedisConnection>) => {
  const handlers = new Map<string, Set<Handler>>();
  let opened: Promise<RedisConnection> | null = null;

  const open = async (): Promise<RedisConnection> => {
    const connection = await connect();
    connection.onMessage((channel, message) => {
      for (const handler of [...(handlers.get(channel) ?? [])]) handler(message);
    });
    return connection;
  };
  const connection = (): Promise<RedisConnection> => {
    opened ??= open().catch((error) => {
      opened = null;
      throw error;
    });
    return opened;
  };

  return {
    async subscribe(channel: string, handler: Handler): Promise<() => Promise<void>> {
      const { send } = await connection();
      // A function of its own, so that one handler may subscribe twice.
      const entry: Handler = (message) => handler(message);
      const leave = async (): Promise<void> => {
        const entries = handlers.get(channel);
        if (entries === undefined || !entries.delete(entry) || entries.size > 0) return;
        handlers.delete(channel);
        // Without a handler nothing is heard, whether the server was told or not.
        await send("unsubscribe", [channel]).catch(() => {});
      };
      const entries = handlers.get(channel) ?? new Set();
      handlers.set(channel, entries.add(entry));
      try {
        await send("subscribe", [channel]);
      } catch (error) {
        await leave();
        throw error;
      }
      return leave;
    },
    async close(): Promise<void> {
      handlers.clear();
      (await opened?.catch(() => null))?.close();
    },
  };
};
