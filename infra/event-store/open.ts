import { engineOf } from "../engine-url.ts";
import { sqlitePath } from "../sqlite/database.ts";
import type { EventStore } from "./port.ts";
import { sqliteEventStore } from "./sqlite.ts";

const adapters = new Map([["sqlite", async (url: string): Promise<EventStore> => sqliteEventStore(sqlitePath(url))]]);

/** The scheme of the URL picks the adapter: `sqlite:<file>`. INVALID_SETTING for any other. */
export const openEventStore = async (url: string): Promise<EventStore> => engineOf("EVENT_STORE", url, adapters)(url);
