import { engineOf } from "../engine-url.ts";
import { sqlitePath } from "../sqlite/database.ts";
import type { OnlineStore } from "./port.ts";
import { sqliteOnlineStore } from "./sqlite.ts";

const adapters = new Map([["sqlite", async (url: string): Promise<OnlineStore> => sqliteOnlineStore(sqlitePath(url))]]);

/** The scheme of the URL picks the adapter: `sqlite:<file>`. INVALID_SETTING for any other. */
export const openOnlineStore = async (url: string): Promise<OnlineStore> =>
  engineOf("ONLINE_STORE", url, adapters)(url);
