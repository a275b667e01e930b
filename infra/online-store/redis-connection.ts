import { Cluster, Redis, type RedisOptions } from "ioredis";
import { isMillraceError, MillraceError } from "../../schemas/errors.ts";
import { redisError } from "./redis-errors.ts";
import type { RedisSetting } from "./redis-url.ts";

export type RedisConnection = {
  /** One command; replies are buffers, numbers or lists of them. Rejects with a coded error in a bounded time. */
  send(command: string, args: readonly (string | Buffer | number)[]): Promise<unknown>;
  /** The commands of each server that holds keys. */
  servers(): Pick<RedisConnection, "send">[];
  /** Of channels that this connection has subscribed. */
  onMessage(listener: (channel: string, message: string) => void): void;
  close(): void;
};

/** Longest pause between two attempts to connect. */
const pauseMs = 500;

/** Resolves after the first answer; ENGINE_UNAVAILABLE when there is none in time, ENGINE_REFUSED when it is a no. */
export const connectRedis = async (setting: RedisSetting): Promise<RedisConnection> => {
  const where = setting.nodes.map(({ host, port }) => `${host}:${port}`).join(",");
  const client = setting.topology === "cluster" ? clusterClient(setting) : singleClient(setting);
  const refused = Promise.withResolvers<never>();
  refused.promise.catch(() => {});
  let lastError: unknown;
  client.on("error", (error) => {
    lastError = error;
    const coded = redisError(error, where);
    if (coded.code === "ENGINE_REFUSED") refused.reject(coded);
  });

  client.on("ready", () => {
    lastError = undefined;
  });

  /** The answer, or an error when there is none in time: commands to a cluster know no limit of their own. */
  const answer = <T>(reply: Promise<T>): Promise<T> => {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const late = (): void => {
      const why = lastError === undefined ? "" : ` (${redisError(lastError, where).message})`;
      const message = `Redis at ${where} did not answer in ${setting.timeoutMs} ms${why}`;
      reject(new MillraceError("ENGINE_UNAVAILABLE", message));
    };
    const timer = setTimeout(late, setting.timeoutMs);
    reply
      .then(resolve, (error) => {
        const coded = redisError(error, where);
        // A queue that is given up says less than what kept it waiting.
        const isPlain = coded.code === "ENGINE_UNAVAILABLE" && lastError !== undefined;
        reject(isPlain ? redisError(lastError, where) : coded);
      })
      .finally(() => clearTimeout(timer));
    return promise;
  };

  const sender = (node: Redis | Cluster): RedisConnection["send"] => {
    const caller = node as Redis;
    return (command, args) => answer(caller.callBuffer(command, args as (string | Buffer | number)[]));
  };
  const send = sender(client);

  try {
    await Promise.race([send("ping", []), refused.promise]);
    // A database that does not exist is refused by an event alone, and the client goes on with another one.
    await Promise.race([refused.promise, Promise.resolve()]);
  } catch (error) {
    client.disconnect();
    throw isMillraceError(error) ? error : redisError(error, where);
  }
  return {
    send,
    servers: () =>
      (client instanceof Cluster ? client.nodes("master") : [client]).map((node) => ({ send: sender(node) })),
    onMessage: (listener) => void client.on("message", listener),
    close: () => client.disconnect(),
  };
};

const commonOptions = ({ username, password, tls, timeoutMs }: RedisSetting): RedisOptions => ({
  username,
  password,
  tls: tls === undefined ? undefined : tls.ca === null ? {} : { ca: tls.ca },
  // The flat replies of RESP2, whatever the server speaks.
  protocol: 2,
  connectTimeout: timeoutMs,
  // A connection that is silent while an answer is due is made anew.
  socketTimeout: timeoutMs,
  maxRetriesPerRequest: Math.max(1, Math.floor(timeoutMs / pauseMs)),
  disableClientInfo: true,
});

const singleClient = (setting: RedisSetting): Redis => {
  const { topology, nodes, master, db, tls } = setting;
  const retryStrategy = (attempt: number): number => Math.min(attempt * 100, pauseMs);
  const options = { ...commonOptions(setting), db, retryStrategy };
  if (topology === "single") return new Redis({ ...options, ...nodes[0] });
  return new Redis({
    ...options,
    sentinels: nodes,
    name: master,
    sentinelRetryStrategy: retryStrategy,
    ...(tls === undefined ? {} : { enableTLSForSentinelMode: true, sentinelTLS: options.tls }),
  });
};

const clusterClient = (setting: RedisSetting): Cluster =>
  new Cluster(setting.nodes, {
    redisOptions: commonOptions(setting),
    clusterRetryStrategy: (attempt) => Math.min(attempt * 100, pauseMs),
  });
