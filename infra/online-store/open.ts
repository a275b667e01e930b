import { engineOf } from "../engine-url.ts";
import { sqlitePath } from "../sqlite/database.ts";
import type { OnlineStore } from "./port.ts";
import { redisOnlineStore } from "./redis.ts";
import { sqliteOnlineStore } from "./sqlite.ts";

const redisSchemes = ["redis", "rediss", "redis+cluster", "rediss+cluster", "redis+sentinel", "rediss+sentinel"];

const adapters = new Map([
  ["sqlite", async (url: string): Promise<OnlineStore> => sqliteOnlineStore(sqlitePath(url))],
  ...redisSchemes.map((scheme) => [scheme, redisOnlineStore] as const),
]);

/** The scheme of the URL picks the adapter: `sqlite:<file>`, or one of Redis. INVALID_SETTING for any other. */
export const openOnlineStore = async (url: string): Promise<OnlineStore> =>
  engineOf("ONLINE_STORE", url, adapters)(url);
