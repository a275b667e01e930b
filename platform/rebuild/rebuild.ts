import { auditTable } from "../../projections/audit.ts";
import { featureValueSink } from "../../projections/clickhouse/sinks/feature-values.ts";
import { deadLetterSink, driftSink, tileSink } from "../../projections/clickhouse/sinks/low-volume.ts";
import { outcomeSink } from "../../projections/clickhouse/sinks/outcomes.ts";
import { predictionSink } from "../../projections/clickhouse/sinks/predictions.ts";
import type { Sink } from "../../projections/clickhouse/sinks/sink.ts";
import { documentHistory } from "../../projections/documents/history.ts";
import { MillraceError } from "../../schemas/errors.ts";
import { type CatalogFollower, followCatalog } from "../../streams/catalog.ts";
import { featureDecoder } from "../roles/projections.ts";
import type { RebuildContext } from "./context.ts";
import { rebuildEventTable } from "./event-table.ts";
import { rebuildOnlineFeatures } from "./online-features.ts";
import type { RebuildResult } from "./progress.ts";
import { rebuildTopicTable } from "./topic-table.ts";
import { topicsOfKind } from "./topics.ts";

type Rebuild = (name: string, context: RebuildContext) => Promise<RebuildResult>;

const topicTable =
  (sinkOf: (catalog: CatalogFollower) => Sink): Rebuild =>
  async (name, context) => {
    const { broker, eventStore } = context.engines;
    const stop = new AbortController();
    const catalog = await followCatalog(eventStore, AbortSignal.any([context.signal, stop.signal]));
    try {
      const sink = sinkOf(catalog);
      return await rebuildTopicTable(name, sink, () => topicsOfKind(broker, catalog.current(), sink.kind), context);
    } finally {
      stop.abort();
      await catalog.done.catch(() => {});
    }
  };

/** By what they are called at the doors; `documents` is rebuilt by its own runtime (projections/runtime.ts). */
const rebuilds: Record<string, Rebuild> = {
  "online-features": rebuildOnlineFeatures,
  predictions: topicTable(predictionSink),
  outcomes: topicTable(outcomeSink),
  drift: topicTable(driftSink),
  tiles: topicTable(tileSink),
  feature_values: topicTable((catalog) => featureValueSink(featureDecoder(catalog))),
  dead_letters: topicTable(deadLetterSink),
  "documents-history": (name, context) => rebuildEventTable(name, documentHistory(context.engines.eventStore), context),
  audit: (name, context) => rebuildEventTable(name, auditTable(), context),
};

export const projectionNames: readonly string[] = ["documents", ...Object.keys(rebuilds)];

/** NOT_FOUND, naming those that there are. */
export const requireProjection = (name: string): void => {
  if (projectionNames.includes(name)) return;
  throw new MillraceError("NOT_FOUND", `there is no projection "${name}"; there are: ${projectionNames.join(", ")}`);
};

/** Rebuilds one of the projections but `documents`; CLOSED when the signal aborts before it has taken over. */
export const rebuildProjection = async (name: string, context: RebuildContext): Promise<RebuildResult> => {
  requireProjection(name);
  const result = await rebuilds[name](name, context);
  if (context.signal.aborted) throw new MillraceError("CLOSED", `the rebuild of ${name} was stopped; start it again`);
  return result;
};
