import { MillraceError } from "../../schemas/errors.ts";
import { storeChanged } from "./changed.ts";
import type { Entry, IndexEntry, IndexPage, OnlineStore } from "./port.ts";
import { connectRedis } from "./redis-connection.ts";
import { redisMessages } from "./redis-messages.ts";
import { pageScript, setScript } from "./redis-scripts.ts";
import { redisSetting } from "./redis-url.ts";
import { decodeValue, encodeValue } from "./redis-value.ts";

/** Entries that one script writes: about a millisecond in which Redis answers nobody else. */
const scriptEntries = 1000;
/** The same for a call with index entries, which is seen as a whole; Redis takes a million arguments at most. */
const wholeEntries = 250_000;
const scanKeys = 1000;

/** A key of the script with its two arguments. */
type Write = { key: string; args: [Buffer | string, string | number] };

/**
 * The online store in Redis 6.2 or later; see `redisSetting` for the URL. Resolves after the first answer:
 * ENGINE_REFUSED for wrong credentials, ENGINE_UNAVAILABLE where there is no Redis. While Redis is away, calls wait
 * up to the `timeout` of the URL and then fail with ENGINE_UNAVAILABLE; a write that failed so may yet have happened.
 *
 * A call with index entries is one script and visible as a whole to every reader; one of more than 1000 entries
 * without index entries is written in parts, in its order, each part under the call's expectations: what is expected
 * should be what the last entry changes. In a cluster the same holds, since the hash tag of the
 * prefix keeps all keys on one shard: a cluster gives fail-over, not more room. What Redis forgets (a restart without
 * persistence, a fail-over, an eviction) is forgotten: `maxmemory-policy` must be `noeviction`.
 */
export const redisOnlineStore = async (url: string): Promise<OnlineStore> => {
  const setting = redisSetting(url);
  const { prefix } = setting;
  const connection = await connectRedis(setting);
  const messages = redisMessages(() => connectRedis(setting));
  const entryKey = (key: string): string => `${prefix}k:${key}`;
  const indexKey = (index: string): string => `${prefix}i:${index}`;
  // Channels know no databases.
  const channelName = (channel: string): string => `${prefix}c:${setting.db}:${channel}`;
  let writing: Promise<unknown> = Promise.resolve();
  let closed = false;

  const send = (command: string, args: readonly (string | Buffer | number)[]): Promise<unknown> =>
    closed ? Promise.reject(closedError()) : connection.send(command, args);

  /** Writes of this face are applied in the order in which they were asked for. */
  const inOrder = (action: () => Promise<void>): Promise<void> => {
    if (closed) return Promise.reject(closedError());
    const result = writing.then(action);
    writing = result.catch(() => undefined);
    return result;
  };

  const entryWrite = ({ key, value, offset, ttlMs }: Entry): Write => ({
    key: entryKey(key),
    args: [encodeValue(value, offset), ttlMs === undefined ? "" : Math.max(1, Math.ceil(ttlMs))],
  });
  const indexWrite = ({ index, member, score }: IndexEntry): Write => ({
    key: indexKey(index),
    args: [member, score ?? ""],
  });

  return {
    async get(key) {
      return decodeValue((await send("get", [entryKey(key)])) as Buffer | null);
    },
    async mget(keys) {
      if (keys.length === 0 && !closed) return [];
      return ((await send("mget", keys.map(entryKey))) as (Buffer | null)[]).map(decodeValue);
    },
    setMany(entries, index = [], expected = []) {
      return inOrder(async () => {
        const expectations = expected.map(({ key, value }) => ({
          key: entryKey(key),
          args: [value ?? "", +(value !== null)],
        }));
        const writes = [...index.map(indexWrite), ...entries.map(entryWrite)];
        const size = index.length === 0 ? scriptEntries : wholeEntries;
        for (let from = 0; from < writes.length; from += size) {
          const part = writes.slice(from, from + size);
          const indexed = Math.min(part.length, Math.max(0, index.length - from));
          const asked = [...expectations, ...part];
          const refused = await connection.send("eval", [
            setScript,
            asked.length,
            ...asked.map(({ key }) => key),
            expectations.length,
            indexed,
            ...asked.flatMap(({ args }) => args),
          ]);
          if (refused === 1) throw storeChanged();
        }
      });
    },
    async range(index, { after, reverse = false, limit }) {
      if (limit < 1 && !closed) return [];
      const key = indexKey(index);
      const reply =
        after === undefined
          ? send(reverse ? "zrevrange" : "zrange", [key, 0, limit - 1, "WITHSCORES"])
          : send("eval", [pageScript, 1, key, after.score, after.member, limit, reverse ? 1 : 0]);
      return pageOf((await reply) as Buffer[]);
    },
    async count(index) {
      return (await send("zcard", [indexKey(index)])) as number;
    },
    clear(clearPrefix) {
      return inOrder(async () => {
        const pattern = `${escapePattern(prefix)}[ki]:${escapePattern(clearPrefix)}*`;
        for (const server of connection.servers()) {
          let cursor = "0";
          do {
            const [next, keys] = (await server.send("scan", [cursor, "MATCH", pattern, "COUNT", scanKeys])) as [
              Buffer,
              Buffer[],
            ];
            cursor = next.toString();
            if (keys.length > 0) await server.send("unlink", keys);
          } while (cursor !== "0");
        }
      });
    },
    async publish(channel, message) {
      await send("publish", [channelName(channel), message]);
    },
    async subscribe(channel, handler) {
      if (closed) throw closedError();
      return messages.subscribe(channelName(channel), handler);
    },
    async flush() {
      await writing;
    },
    async close() {
      if (closed) return;
      closed = true;
      await writing;
      await messages.close();
      connection.close();
    },
  };
};

const closedError = (): MillraceError => new MillraceError("CLOSED", "the online store is closed");

const pageOf = (reply: readonly Buffer[]): IndexPage => {
  const page: IndexPage = [];
  for (let i = 0; i < reply.length; i += 2) {
    page.push({ member: reply[i].toString(), score: Number(reply[i + 1].toString().replace("inf", "Infinity")) });
  }
  return page;
};

const escapePattern = (text: string): string => text.replace(/[\\*?[\]^-]/g, "\\$&");
