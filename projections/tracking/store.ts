import type { Broker, OutputRecord } from "../../infra/broker/port.ts";
import type { EventStore } from "../../infra/event-store/port.ts";
import type { SchemaRegistry } from "../../infra/schema-registry/port.ts";
import type { Warehouse } from "../../infra/warehouse/open.ts";
import { avroType, frame } from "../../schemas/codec.ts";
import { isMillraceError } from "../../schemas/errors.ts";
import { metricBatchSchema, topicOf } from "../../schemas/topics.ts";
import type { RunDocument } from "../documents/types.ts";
import { latestMetrics, metricHistory } from "./metric-reads.ts";
import { modelMetrics } from "./model-metrics.ts";
import { type MetricHistory, type MetricPoint, type ModelMetric, metricBatch, type RunOfMetrics } from "./points.ts";
import { type RunSearch, type RunSearchPage, searchRuns } from "./run-search.ts";
import { searchReady } from "./search-ready.ts";

/** Metric points of runs and the search over runs: what MLflow's tracking store does beside the lifecycle. */
export type TrackingStore = {
  /**
   * Appends points; each can be read once this has answered. Sending a batch again changes nothing. That the run exists
   * and is active is for the caller to know. BAD_REQUEST names the point and what is wrong with it.
   */
  logMetrics(project: string, of: RunOfMetrics, points: readonly MetricPoint[]): Promise<void>;
  /** The latest point of each metric by run, in the order of keys; runs without metrics are left out. */
  latestMetrics(project: string, runs: readonly string[]): Promise<Map<string, MetricPoint[]>>;
  /** What runs have measured of logged models, every point, by model; of these metrics alone where they are given. */
  modelMetrics(
    project: string,
    models: readonly string[],
    keys?: readonly string[],
  ): Promise<Map<string, ModelMetric[]>>;
  /** BAD_REQUEST for a foreign token. */
  metricHistory(
    project: string,
    run: string,
    key: string,
    page: { first: number; after?: string },
  ): Promise<MetricHistory>;
  /**
   * Runs that meet the filter, in order. Waits until the tables have what was written of the project before the call,
   * by whichever process; PROJECTION_BEHIND where they do not within `searchWaitMs`. BAD_REQUEST for a malformed filter,
   * order or token.
   */
  searchRuns(project: string, search: RunSearch): Promise<RunSearchPage>;
};

export type TrackingStoreOptions = {
  broker: Broker;
  eventStore: Pick<EventStore, "head" | "readAll">;
  registry: SchemaRegistry;
  warehouse: Warehouse;
  /** The runs as they are now; what is not there is left out. */
  runs(project: string, ids: readonly string[]): Promise<RunDocument[]>;
  /** How long a search waits for the tables; 2000 without it. */
  searchWaitMs?: number;
};

const partitions = 4;
/** 1000 points with the longest keys of four bytes a character, and then some. */
const maxRecordBytes = 4 << 20;

export const trackingStore = (options: TrackingStoreOptions): TrackingStore => {
  const { broker, eventStore, registry, warehouse, searchWaitMs: waitMs = 2_000 } = options;
  const untilReady = searchReady({ broker, eventStore, warehouse, waitMs });
  const type = avroType(metricBatchSchema);
  const topics = new Map<string, Promise<void>>();
  let schema: Promise<number> | null = null;

  const schemaId = (): Promise<number> => {
    schema ??= registry.register("millrace.metric-batch", JSON.stringify(metricBatchSchema)).then(({ id }) => id);
    schema.catch(() => {
      schema = null;
    });
    return schema;
  };
  const topicFor = (project: string): Promise<void> => {
    const topic = topicOf.metrics(project);
    const known = topics.get(topic);
    if (known !== undefined) return known;
    const ensured = (async () => {
      if ((await broker.topic(topic)) !== null) return;
      await broker.ensureTopic(topic, { partitions, cleanup: "delete", maxRecordBytes });
    })();
    ensured.catch(() => topics.delete(topic));
    topics.set(topic, ensured);
    return ensured;
  };
  /** A topic that was deleted since it was made is made again. */
  const produce = async (project: string, record: OutputRecord): ReturnType<Broker["produce"]> => {
    const topic = topicOf.metrics(project);
    await topicFor(project);
    try {
      return await broker.produce(topic, [record]);
    } catch (error) {
      if (!isMillraceError(error, "UNKNOWN_TOPIC")) throw error;
      topics.delete(topic);
      await topicFor(project);
      return broker.produce(topic, [record]);
    }
  };
  const reads = {
    latestMetrics: (project: string, runs: readonly string[]) => latestMetrics({ broker, warehouse }, project, runs),
  };
  return {
    ...reads,
    async logMetrics(project, of, points) {
      const batch = metricBatch(of, points);
      if (points.length === 0) return;
      const id = await schemaId();
      const timestamp = points.reduce((newest, point) => Math.max(newest, point.timestamp), 0);
      const record = { key: of.run, value: frame(id, type, batch), timestamp };
      await produce(project, record);
    },
    modelMetrics: (project, models, keys) => modelMetrics({ broker, warehouse }, project, models, keys),
    metricHistory: (project, run, key, page) => metricHistory({ broker, warehouse }, project, run, key, page),
    async searchRuns(project, search) {
      await untilReady(project);
      return searchRuns({ warehouse, runs: options.runs, ...reads }, project, search);
    },
  };
};
