import { ownStreams } from "../../schemas/own-streams.ts";
import { engineOf } from "../engine-url.ts";
import { sqlitePath } from "../sqlite/database.ts";
import { kurrentDbEventStore } from "./kurrentdb.ts";
import { kurrentDbSchemes } from "./kurrentdb-setting.ts";
import type { EventStore, Fault } from "./port.ts";
import { sqliteEventStore } from "./sqlite.ts";

export type EventStoreOptions = {
  /** Told of each stream that cannot be read beyond a revision, once, when a reader of many streams meets it. */
  onFault?: (fault: Fault) => void;
};

const kurrentDb = (url: string, options: EventStoreOptions): Promise<EventStore> =>
  kurrentDbEventStore(url, { ...options, streams: ownStreams });

const adapters = new Map<string, (url: string, options: EventStoreOptions) => Promise<EventStore>>([
  ["sqlite", async (url, options) => sqliteEventStore(sqlitePath(url), options)],
  ...kurrentDbSchemes.map((scheme) => [scheme, kurrentDb] as const),
]);

/**
 * The scheme of the URL picks the adapter: `sqlite:<file>`, or a connection string of KurrentDB (`kurrentdb:`, `esdb:`,
 * each also with `+discover`), where `ownStreams` alone are read. INVALID_SETTING for any other scheme;
 * ENGINE_UNAVAILABLE, ENGINE_REFUSED.
 */
export const openEventStore = async (url: string, options: EventStoreOptions = {}): Promise<EventStore> =>
  engineOf("EVENT_STORE", url, adapters)(url, options);
