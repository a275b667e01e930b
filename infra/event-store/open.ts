import { engineOf } from "../engine-url.ts";
import { sqlitePath } from "../sqlite/database.ts";
import { kurrentDbEventStore } from "./kurrentdb.ts";
import { kurrentDbSchemes } from "./kurrentdb-setting.ts";
import type { EventStore } from "./port.ts";
import { sqliteEventStore } from "./sqlite.ts";

const adapters = new Map<string, (url: string) => Promise<EventStore>>([
  ["sqlite", async (url) => sqliteEventStore(sqlitePath(url))],
  ...kurrentDbSchemes.map((scheme) => [scheme, kurrentDbEventStore] as const),
]);

/**
 * The scheme of the URL picks the adapter: `sqlite:<file>`, or a connection string of KurrentDB (`kurrentdb:`, `esdb:`,
 * each also with `+discover`). INVALID_SETTING for any other; ENGINE_UNAVAILABLE, ENGINE_REFUSED.
 */
export const openEventStore = async (url: string): Promise<EventStore> => engineOf("EVENT_STORE", url, adapters)(url);
