import { engineOf } from "../engine-url.ts";
import type { EventStore } from "../event-store/port.ts";
import { embeddedSchemaRegistry } from "./embedded.ts";
import type { SchemaRegistry } from "./port.ts";

const adapters = new Map([
  ["embedded", async (store: EventStore): Promise<SchemaRegistry> => embeddedSchemaRegistry(store)],
]);

/** The scheme of the URL picks the adapter: `embedded:` keeps schemas in the event store. INVALID_SETTING for others. */
export const openSchemaRegistry = async (url: string, store: EventStore): Promise<SchemaRegistry> =>
  engineOf("SCHEMA_REGISTRY", url, adapters)(store);
