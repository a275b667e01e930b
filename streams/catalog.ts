import {
  comparePositions,
  type EventStore,
  type Position,
  START,
  type StoredEvent,
} from "../infra/event-store/port.ts";
import type { DeploymentDefinition, TrafficSplit } from "../schemas/lifecycle/deployment.ts";
import type { EventSourceDefinition } from "../schemas/lifecycle/event-source.ts";
import type { FeatureViewDefinition } from "../schemas/lifecycle/feature-view.ts";
import { isServable, type ServableVersion } from "../schemas/lifecycle/model.ts";
import type { MonitorDefinition } from "../schemas/lifecycle/monitor.ts";
import { type LifecycleEvent, parseStreamName } from "../schemas/lifecycle.ts";
import { upcast } from "../schemas/upcasters.ts";

/** The serving catalog: what the streams must do, folded from the event store. Keys: `<project>/<id>`. */
export type CatalogSource = EventSourceDefinition & { project: string; id: string };
export type CatalogView = { project: string; id: string; version: number; definition: FeatureViewDefinition };
export type CatalogVersion = ServableVersion & { project: string; model: string };
export type CatalogDeployment = DeploymentDefinition & { project: string; id: string; revision: number };
export type CatalogMonitor = { project: string; id: string; definition: MonitorDefinition };

export type Catalog = {
  position: Position;
  projects: ReadonlySet<string>;
  sources: ReadonlyMap<string, CatalogSource>;
  views: ReadonlyMap<string, CatalogView>;
  versions: ReadonlyMap<string, CatalogVersion>;
  deployments: ReadonlyMap<string, CatalogDeployment>;
  monitors: ReadonlyMap<string, CatalogMonitor>;
};

type MutableCatalog = {
  position: Position;
  projects: Set<string>;
  sources: Map<string, CatalogSource>;
  views: Map<string, CatalogView>;
  versions: Map<string, CatalogVersion>;
  deployments: Map<string, CatalogDeployment>;
  monitors: Map<string, CatalogMonitor>;
};

export const versionKey = (project: string, model: string, version: number): string => `${project}/${model}/${version}`;

export const emptyCatalog = (): MutableCatalog => ({
  position: START,
  projects: new Set(),
  sources: new Map(),
  views: new Map(),
  versions: new Map(),
  deployments: new Map(),
  monitors: new Map(),
});

const update = <V>(map: Map<string, V>, key: string, change: (value: V) => V): void => {
  const value = map.get(key);
  if (value !== undefined) map.set(key, change(value));
};

/** Folds one event in place; events that do not concern serving only move the position. */
export const evolveCatalog = (catalog: MutableCatalog, stored: StoredEvent): void => {
  catalog.position = stored.position;
  const name = parseStreamName(stored.stream);
  if (name === null) return;
  const { project, id } = name;
  const key = `${project}/${id}`;
  const data = upcast(stored.type, stored.metadata.schemaVersion, stored.data);
  const event = { type: stored.type, data } as LifecycleEvent;
  switch (event.type) {
    case "ProjectCreated":
      catalog.projects.add(project);
      return;
    case "EventSourceCreated":
      catalog.sources.set(key, { ...event.data, project, id });
      return;
    case "EventSourceSchemaChanged":
      update(catalog.sources, key, (source) => ({ ...source, ...event.data }));
      return;
    case "EventSourceArchived":
      catalog.sources.delete(key);
      return;
    case "FeatureViewCreated":
      catalog.views.set(key, { project, id, version: 1, definition: event.data.definition });
      return;
    case "FeatureViewChanged":
      catalog.views.set(key, { project, id, version: event.data.version, definition: event.data.definition });
      return;
    case "FeatureViewArchived":
      catalog.views.delete(key);
      return;
    case "ModelVersionCreated":
      if (isServable(event.data)) {
        catalog.versions.set(versionKey(project, id, event.data.version), { ...event.data, project, model: id });
      }
      return;
    case "DeploymentCreated":
      catalog.deployments.set(key, { ...event.data, project, id, revision: Number(stored.revision) });
      return;
    case "TrafficChanged":
      update(catalog.deployments, key, (deployment) => ({
        ...deployment,
        split: event.data.split as TrafficSplit,
        revision: Number(stored.revision),
      }));
      return;
    case "DeploymentStopped":
      catalog.deployments.delete(key);
      return;
    case "MonitorCreated":
      catalog.monitors.set(key, { project, id, definition: event.data });
      return;
    case "MonitorDeleted":
      catalog.monitors.delete(key);
      return;
    default:
      return;
  }
};

export type CatalogFollower = {
  current(): Catalog;
  /** Counts up with every change that the caller has not seen; compare to know whether to look again. */
  revision(): number;
  /** Resolves when the catalog reflects this position. */
  reached(position: Position): Promise<void>;
  /** Resolves when the revision is no longer this one, or on abort. */
  changed(seen: number, signal: AbortSignal): Promise<void>;
  /** Rejects when the subscription fails for good. */
  done: Promise<void>;
};

/** Follows the event store; resolves once history is folded, so that no task starts with half a catalog. */
export const followCatalog = async (eventStore: EventStore, signal: AbortSignal): Promise<CatalogFollower> => {
  const catalog = emptyCatalog();
  let revision = 0;
  const caughtUp = Promise.withResolvers<void>();
  const waiters = new Set<() => void>();
  let arrivals: { position: Position; resolve: () => void }[] = [];
  const settle = (): void => {
    arrivals = arrivals.filter(({ position, resolve }) => {
      const reached = comparePositions(catalog.position, position) >= 0;
      if (reached) resolve();
      return !reached;
    });
  };
  const done = (async () => {
    try {
      for await (const message of eventStore.subscribe({ signal })) {
        if (message.type !== "event") {
          catalog.position = message.position;
          if (message.type === "caughtUp") caughtUp.resolve();
        } else {
          evolveCatalog(catalog, message.event);
          revision += 1;
          for (const wake of waiters) wake();
        }
        settle();
      }
    } catch (error) {
      caughtUp.reject(error);
      if (!signal.aborted) throw error;
    }
  })();
  done.catch(() => {});
  await Promise.race([caughtUp.promise, done]);
  return {
    current: () => catalog,
    revision: () => revision,
    reached: (position) =>
      comparePositions(catalog.position, position) >= 0
        ? Promise.resolve()
        : Promise.race([new Promise<void>((resolve) => arrivals.push({ position, resolve })), done]),
    changed: (seen, aborted) =>
      revision !== seen || aborted.aborted
        ? Promise.resolve()
        : new Promise((resolve) => {
            const wake = (): void => {
              waiters.delete(wake);
              aborted.removeEventListener("abort", wake);
              resolve();
            };
            waiters.add(wake);
            aborted.addEventListener("abort", wake, { once: true });
          }),
    done,
  };
};
