import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { EventStore, NewEvent } from "../../infra/event-store/port.ts";
import { sqliteEventStore } from "../../infra/event-store/sqlite.ts";
import type { OnlineStore } from "../../infra/online-store/port.ts";
import { sqliteOnlineStore } from "../../infra/online-store/sqlite.ts";
import { type Aggregate, type LifecycleEvent, streamName } from "../../schemas/lifecycle.ts";
import { currentVersion } from "../../schemas/upcasters.ts";

/** An event of an aggregate before it is stored. */
export type Fact = { aggregate: Aggregate; project: string; id: string; event: LifecycleEvent; at?: number };

export type Stores = {
  path: string;
  eventStore: EventStore;
  onlineStore: OnlineStore;
  /** Runs before the stores close, the newest first. */
  release(step: () => Promise<void>): void;
  close(): Promise<void>;
};

/** Event store and online store in one new SQLite file. */
export const openStores = (): Stores => {
  const directory = mkdtempSync(join(tmpdir(), "millrace-projections-"));
  const path = join(directory, "millrace.db");
  const eventStore = sqliteEventStore(path);
  const onlineStore = sqliteOnlineStore(path);
  const steps: (() => Promise<void>)[] = [];
  return {
    path,
    eventStore,
    onlineStore,
    release: (step) => void steps.push(step),
    async close() {
      for (const step of steps.reverse()) await step();
      await eventStore.close();
      await onlineStore.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
};

/** The same, closed and removed at the end of the test. */
export const storesOf = (t: TestContext): Stores => {
  const stores = openStores();
  t.after(() => stores.close());
  return stores;
};

export const START_AT = Date.UTC(2001, 0, 1);

export const newEvent = ({ project, event, at = START_AT }: Fact): NewEvent => ({
  id: randomUUID(),
  type: event.type,
  data: event.data,
  metadata: {
    $correlationId: "correlation",
    $causationId: "causation",
    actor: "ada",
    project,
    schemaVersion: currentVersion(event.type),
    at,
  },
});

/** Appends facts in order; answers the last position. */
export const record = async (eventStore: EventStore, ...facts: readonly Fact[]): Promise<string> => {
  const appended = await Promise.all(
    facts.map((fact) => eventStore.append(streamName(fact.aggregate, fact.project, fact.id), [newEvent(fact)], "any")),
  );
  return appended[appended.length - 1].position;
};
