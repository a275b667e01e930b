import { existsSync } from "node:fs";
import { openArtifacts } from "../../infra/artifacts/open.ts";
import { openBroker } from "../../infra/broker/open.ts";
import type { Settings } from "../../infra/config.ts";
import { withoutCredentials } from "../../infra/engine-url.ts";
import { openEventStore } from "../../infra/event-store/open.ts";
import { openOnlineStore } from "../../infra/online-store/open.ts";
import { openSchemaRegistry } from "../../infra/schema-registry/open.ts";
import { sqlitePath } from "../../infra/sqlite/database.ts";

export type Finding = { name: string; ok: boolean; detail: string };

/** Faults that are told one by one. */
const shownFaults = 20;

/** Reads the event store whole: every stream of ours from its beginning. */
export const historyFindings = async ({ eventStore: url }: Settings): Promise<Finding[]> => {
  const name = "Histories";
  if (/^sqlite:/i.test(url) && !existsSync(sqlitePath(url))) return [{ name, ok: true, detail: "none yet" }];
  const found: Finding[] = [];
  let faults = 0;
  try {
    const store = await openEventStore(url);
    try {
      for await (const { code, message } of store.examine()) {
        if (++faults <= shownFaults) found.push({ name, ok: false, detail: `${code}: ${message}` });
      }
    } finally {
      await store.close();
    }
  } catch (error) {
    return [{ name, ok: false, detail: (error as Error).message }];
  }
  if (faults > shownFaults) found.push({ name, ok: false, detail: `${faults} streams in all` });
  return faults === 0 ? [{ name, ok: true, detail: "every stream can be read from its beginning" }] : found;
};

type Probe = { name: string; url: string; ask(): Promise<{ close(): Promise<void> }> };

const embedded = /^(sqlite|embedded|file):/i;

/** Opens every engine that is a server, asks it something, and closes it again; the embedded ones are files. */
export const engineFindings = async (settings: Settings): Promise<Finding[]> => {
  const { eventStore, broker, onlineStore, schemaRegistry, artifacts } = settings;
  const probes: Probe[] = [
    {
      name: "Event store",
      url: eventStore,
      ask: async () => {
        const store = await openEventStore(eventStore);
        await store.head();
        return store;
      },
    },
    {
      name: "Broker",
      url: broker,
      ask: async () => {
        const opened = await openBroker(broker);
        await opened.topics();
        return opened;
      },
    },
    {
      name: "Online store",
      url: onlineStore,
      ask: async () => {
        const store = await openOnlineStore(onlineStore);
        await store.get("doctor");
        return store;
      },
    },
    {
      name: "Registry",
      url: schemaRegistry,
      ask: async () => {
        const store = await openEventStore(eventStore);
        try {
          const registry = await openSchemaRegistry(schemaRegistry, store);
          await registry.subjects();
          return registry;
        } finally {
          await store.close();
        }
      },
    },
    { name: "Artifacts", url: artifacts, ask: () => openArtifacts(artifacts) },
  ];
  const findings: Finding[] = [];
  for (const { name, url, ask } of probes.filter((probe) => !embedded.test(probe.url))) {
    const finding = await ask().then(
      async (opened) => {
        await opened.close();
        return { name, ok: true, detail: `${withoutCredentials(url)} answers` };
      },
      (error: Error) => ({ name, ok: false, detail: error.message }),
    );
    findings.push(finding);
  }
  return findings;
};
