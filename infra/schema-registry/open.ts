import { engineOf } from "../engine-url.ts";
import type { EventStore } from "../event-store/port.ts";
import { confluentSchemaRegistry } from "./confluent.ts";
import { embeddedSchemaRegistry } from "./embedded.ts";
import type { SchemaRegistry } from "./port.ts";

const adapters = new Map([
  ["embedded", async (_: string, store: EventStore): Promise<SchemaRegistry> => embeddedSchemaRegistry(store)],
  ["http", (url: string): Promise<SchemaRegistry> => confluentSchemaRegistry(url)],
  ["https", (url: string): Promise<SchemaRegistry> => confluentSchemaRegistry(url)],
]);

/**
 * The scheme of the URL picks the adapter: `embedded:` keeps schemas in the event store, `http(s):` is a registry that
 * speaks Confluent's REST API. INVALID_SETTING for others; ENGINE_UNAVAILABLE, ENGINE_REFUSED.
 */
export const openSchemaRegistry = async (url: string, store: EventStore): Promise<SchemaRegistry> =>
  engineOf("SCHEMA_REGISTRY", url, adapters)(url, store);
