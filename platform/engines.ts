import { openArtifacts } from "../infra/artifacts/open.ts";
import type { Artifacts } from "../infra/artifacts/port.ts";
import { openBroker } from "../infra/broker/open.ts";
import type { Broker } from "../infra/broker/port.ts";
import type { Settings } from "../infra/config.ts";
import { type EventStoreOptions, openEventStore } from "../infra/event-store/open.ts";
import type { EventStore } from "../infra/event-store/port.ts";
import { openOnlineStore } from "../infra/online-store/open.ts";
import type { OnlineStore } from "../infra/online-store/port.ts";
import { openSchemaRegistry } from "../infra/schema-registry/open.ts";
import type { SchemaRegistry } from "../infra/schema-registry/port.ts";

/** The ports of one thread or process. Each role opens its own from the same settings. */
export type Engines = {
  eventStore: EventStore;
  broker: Broker;
  onlineStore: OnlineStore;
  registry: SchemaRegistry;
  artifacts: Artifacts;
  close(): Promise<void>;
};

export const openEngines = async (settings: Settings, options: EventStoreOptions = {}): Promise<Engines> => {
  const opened: { close(): Promise<void> }[] = [];
  const keep = <T extends { close(): Promise<void> }>(engine: T): T => {
    opened.push(engine);
    return engine;
  };
  const close = async (): Promise<void> => {
    for (const engine of opened.reverse()) await engine.close();
  };
  try {
    const eventStore = keep(await openEventStore(settings.eventStore, options));
    return {
      eventStore,
      broker: keep(await openBroker(settings.broker)),
      onlineStore: keep(await openOnlineStore(settings.onlineStore)),
      registry: keep(await openSchemaRegistry(settings.schemaRegistry, eventStore)),
      artifacts: keep(await openArtifacts(settings.artifacts)),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
};
