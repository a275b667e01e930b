import { systemClock } from "../../infra/clock.ts";
import { reportLasting, type Tried } from "../../infra/report.ts";
import { openWarehouse } from "../../infra/warehouse/open.ts";
import { parseStateKey } from "../../ml/features/changelog-key.ts";
import { evaluateBlob } from "../../ml/features/state.ts";
import { runAudit } from "../../projections/audit.ts";
import { keepDatasetViews } from "../../projections/clickhouse/datasets/views.ts";
import { ensureEndpointView } from "../../projections/clickhouse/endpoint-view.ts";
import { chooseTables } from "../../projections/clickhouse/other-log.ts";
import { type DecodeFeatures, runSinks, type SinkAssignment } from "../../projections/clickhouse/runner.ts";
import { runDocumentHistory } from "../../projections/documents/history.ts";
import type { EventTableOptions } from "../../projections/event-table.ts";
import { runOnlineFeatures } from "../../projections/online-projector.ts";
import { runRunFields } from "../../projections/tracking/index.ts";
import type { MillraceError } from "../../schemas/errors.ts";
import { topicOf } from "../../schemas/topics.ts";
import { type Catalog, type CatalogFollower, followCatalog } from "../../streams/catalog.ts";
import { changelogsOf, planTopology } from "../../streams/topology.ts";
import { viewCatalog } from "../../streams/view-catalog.ts";
import { whileLeading } from "../leading.ts";
import { cutReporter } from "../places.ts";
import type { Role } from "../role.ts";
import { together } from "../together.ts";
import { whileKept } from "../while-kept.ts";

/** The group whose leader writes into the warehouse: two at a time would write rows twice. */
const sinksGroup = "millrace-sinks";

/** A write into the warehouse or the online store that has failed for so long is a problem. */
const failingMs = 8_000;

/** What goes into the warehouse and the online store, but for the documents that commands are read back from. */
export const projectionsRole: Role = async (context) => {
  const { engines, settings, warehouseUrl, metrics, logger, signal, ready, report } = context;
  const { broker, eventStore, onlineStore } = engines;
  const warehouse = openWarehouse(warehouseUrl, { cluster: settings.warehouseCluster });
  const waits =
    (part: string, tried?: Tried) =>
    (error: MillraceError): void => {
      logger.warn({ part, code: error.code, err: error }, "will be tried again");
      tried?.failed(error);
    };
  const triedOf = (part: string): Tried => reportLasting(report, { part, forMs: failingMs, clock: systemClock });
  const featuresTried = triedOf("online features");
  /** Of a table that follows the event store. */
  const told = (part: string): Pick<EventTableOptions, "onRetry" | "onPosition"> => {
    const tried = triedOf(part);
    return { onRetry: waits(part, tried), onPosition: tried.worked };
  };
  try {
    const catalog = await followCatalog(eventStore, signal);
    const onCut = cutReporter(metrics, logger);
    const parts = awaited(["sinks", "features", "documents history", "run fields", "audit"], ready);
    const assigned = perRevision(catalog, assignments);
    const changelogs = perRevision(catalog, changelogsOf);
    const sinks = (led: AbortSignal): Promise<void> =>
      runSinks({
        broker,
        warehouse,
        topics: assigned,
        decodeFeatures: featureDecoder(catalog),
        signal: led,
        clock: systemClock,
        onCut,
        onChecked: parts.done("sinks"),
        onError: (kind, error) => waits(kind)(error),
        tried: (table) => triedOf(`sink ${table}`),
      });
    const features = (led: AbortSignal): Promise<void> =>
      whileKept({ onlineStore, name: "online-features", logger, signal: led }, (kept) =>
        runOnlineFeatures({
          broker,
          onlineStore,
          changelogs,
          signal: kept,
          clock: systemClock,
          onCut,
          onChecked: parts.done("features"),
          onRetry: waits("online features", featuresTried),
          onOffsets: featuresTried.worked,
        }),
      );
    const eventTable = (name: PartName, until: AbortSignal): EventTableOptions => ({
      ...{ eventStore, warehouse, signal: until, onCut },
      ...{ onChecked: parts.done(name), ...told(name) },
    });
    await whileLeading({ broker, group: sinksGroup, logger, signal, onFollowing: ready }, async (led) => {
      await chooseTables(warehouse, eventStore, onCut);
      await together(led, [
        sinks,
        features,
        (until) => runDocumentHistory(eventTable("documents history", until)),
        (until) => runRunFields(eventTable("run fields", until)),
        (until) =>
          keepDatasetViews({
            eventStore,
            warehouse,
            artifacts: engines.artifacts,
            signal: until,
            onFailure: waits("dataset views"),
          }),
        (until) => runAudit(eventTable("audit", until)),
        (until) => keepEndpointViews(catalog, warehouse, until, waits("endpoint views")),
      ]);
    });
  } finally {
    await warehouse.close();
  }
};

type PartName = "sinks" | "features" | "documents history" | "run fields" | "audit";

/** Tells once that each of the parts is done. */
const awaited = (names: readonly PartName[], all: () => void) => {
  const left = new Set(names);
  return {
    done: (name: PartName) => (): void => {
      left.delete(name);
      if (left.size === 0) all();
    },
  };
};

/** What follows from the catalog, derived anew where that has changed: views are compiled on the way. */
const perRevision = <T>(catalog: CatalogFollower, derive: (catalog: Catalog) => T): (() => T) => {
  let held: { revision: number; derived: T } | null = null;
  return () => {
    const revision = catalog.revision();
    if (held?.revision !== revision) held = { revision, derived: derive(catalog.current()) };
    return held.derived;
  };
};

/** Every topic of the platform that has a table. */
const assignments = (catalog: Catalog): SinkAssignment[] => {
  const found: SinkAssignment[] = [];
  for (const project of catalog.projects) {
    found.push(
      { kind: "tiles", project, topic: topicOf.tiles(project) },
      { kind: "drift", project, topic: topicOf.drift(project) },
      { kind: "deadLetters", project, topic: topicOf.deadLetters(project) },
      { kind: "metrics", project, topic: topicOf.metrics(project) },
    );
  }
  for (const { project, id: endpoint } of catalog.deployments.values()) {
    found.push(
      { kind: "predictions", project, endpoint, topic: topicOf.predictions(project, endpoint) },
      { kind: "outcomes", project, endpoint, topic: topicOf.outcomes(project, endpoint) },
    );
  }
  for (const { id: application, project } of planTopology(catalog)) {
    found.push({ kind: "changelog", project, application, topic: topicOf.changelog(application) });
  }
  return found;
};

/** Features of a changelog's state as of the moment of its record. */
export const featureDecoder = (catalog: CatalogFollower): DecodeFeatures => {
  const plans = viewCatalog(catalog);
  return (project, key, value, at) => {
    const state = parseStateKey(key, 0, key.length);
    const plan = state === null ? null : plans.plan(project, state.view);
    if (state === null || plan === null || plan.version !== state.version) return null;
    const blob = value.subarray(0, value.length - plans.trailerBytes(project, state.view));
    return { ...state, at, values: evaluateBlob(plan, blob, at) };
  };
};

const keepEndpointViews = async (
  catalog: CatalogFollower,
  warehouse: ReturnType<typeof openWarehouse>,
  signal: AbortSignal,
  onRetry: (error: MillraceError) => void,
): Promise<void> => {
  const made = new Set<string>();
  while (!signal.aborted) {
    const seen = catalog.revision();
    for (const { project, id: endpoint, columns } of catalog.current().deployments.values()) {
      const key = `${project}/${endpoint}`;
      if (made.has(key)) continue;
      await ensureEndpointView(warehouse, { project, endpoint, columns }).then(() => made.add(key), onRetry);
    }
    await catalog.changed(seen, signal);
  }
};
