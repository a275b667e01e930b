import { setTimeout as pause } from "node:timers/promises";
import type { Broker, OutputRecord } from "../../infra/broker/port.ts";
import { comparePositions, type Position } from "../../infra/event-store/port.ts";
import type { SchemaRegistry } from "../../infra/schema-registry/port.ts";
import type { Warehouse } from "../../infra/warehouse/open.ts";
import { avroType, frame } from "../../schemas/codec.ts";
import { isMillraceError } from "../../schemas/errors.ts";
import { metricBatchSchema, topicOf } from "../../schemas/topics.ts";
import { ask } from "../clickhouse/read/ask.ts";
import type { RunDocument } from "../documents/types.ts";
import { latestMetrics, metricHistory, reachedOf } from "./metric-reads.ts";
import { modelMetrics } from "./model-metrics.ts";
import { type MetricHistory, type MetricPoint, type ModelMetric, metricBatch, type RunOfMetrics } from "./points.ts";
import { type RunSearch, type RunSearchPage, searchRuns } from "./run-search.ts";
import { noRun } from "./tables.ts";

/** Metric points of runs and the search over runs: what MLflow's tracking store does beside the lifecycle. */
export type TrackingStore = {
  /**
   * Appends points; each can be read once this has answered. Sending a batch again changes nothing. That the run exists
   * and is active is for the caller to know. BAD_REQUEST names the point and what is wrong with it.
   */
  logMetrics(project: string, of: RunOfMetrics, points: readonly MetricPoint[]): Promise<void>;
  /** The latest point of each metric by run, in the order of keys; runs without metrics are left out. */
  latestMetrics(project: string, runs: readonly string[]): Promise<Map<string, MetricPoint[]>>;
  /** The latest point of each metric, dataset and run that measured a logged model, by model. */
  modelMetrics(project: string, models: readonly string[]): Promise<Map<string, ModelMetric[]>>;
  /** BAD_REQUEST for a foreign token. */
  metricHistory(
    project: string,
    run: string,
    key: string,
    page: { first: number; after?: string },
  ): Promise<MetricHistory>;
  /**
   * Runs that meet the filter, in order. Waits, at most `searchWaitMs`, until the tables have what this process has
   * logged or noted for the project. BAD_REQUEST for a malformed filter, order or token.
   */
  searchRuns(project: string, search: RunSearch): Promise<RunSearchPage>;
  /** A command of this process has written up to this position: later searches reflect it. */
  noteWrite(project: string, position: Position): void;
};

export type TrackingStoreOptions = {
  broker: Broker;
  registry: SchemaRegistry;
  warehouse: Warehouse;
  /** The runs as they are now; what is not there is left out. */
  runs(project: string, ids: readonly string[]): Promise<RunDocument[]>;
  /** How long a search waits for the tables; then it answers with what they have. */
  searchWaitMs?: number;
};

const partitions = 4;
/** 1000 points with the longest keys of four bytes a character, and then some. */
const maxRecordBytes = 4 << 20;
const pollMs = 20;

/** What this process has written of a project and its tables may lack. */
type Written = { offsets: Map<number, number>; position: Position | null };

export const trackingStore = (options: TrackingStoreOptions): TrackingStore => {
  const { broker, registry, warehouse, searchWaitMs = 2_000 } = options;
  const type = avroType(metricBatchSchema);
  const topics = new Map<string, Promise<void>>();
  const written = new Map<string, Written>();
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
      written.delete(project);
      await topicFor(project);
      return broker.produce(topic, [record]);
    }
  };
  const writtenOf = (project: string): Written => {
    const known = written.get(project) ?? { offsets: new Map(), position: null };
    written.set(project, known);
    return known;
  };

  const hasOffsets = async (project: string, offsets: ReadonlyMap<number, number>): Promise<boolean> => {
    if (offsets.size === 0) return true;
    const reached = await reachedOf(warehouse, "latest_metrics", project);
    return [...offsets].every(([partition, offset]) => (reached.get(partition) ?? 0) > offset);
  };
  const hasPosition = async (position: Position | null): Promise<boolean> => {
    if (position === null) return true;
    const [row] = await ask<{ newest: string }>(
      warehouse,
      `SELECT toString(max(position)) AS newest FROM run_fields
       WHERE project = '' AND experiment = '' AND field = '' AND run = {none:UUID}`,
      { none: noRun },
    );
    return comparePositions(row.newest, position) >= 0;
  };
  /** What has been reached once need not be asked for again. */
  const untilReached = async (project: string): Promise<void> => {
    const known = written.get(project);
    if (known === undefined) return;
    const offsets = new Map(known.offsets);
    const { position } = known;
    const until = performance.now() + searchWaitMs;
    while (!((await hasOffsets(project, offsets)) && (await hasPosition(position)))) {
      if (performance.now() >= until) return;
      await pause(pollMs);
    }
    for (const [partition, offset] of offsets) {
      if (known.offsets.get(partition) === offset) known.offsets.delete(partition);
    }
    if (known.position === position) known.position = null;
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
      const [{ partition, offset }] = await produce(project, record);
      const { offsets } = writtenOf(project);
      offsets.set(partition, Math.max(offset, offsets.get(partition) ?? -1));
    },
    modelMetrics: (project, models) => modelMetrics({ broker, warehouse }, project, models),
    metricHistory: (project, run, key, page) => metricHistory({ broker, warehouse }, project, run, key, page),
    async searchRuns(project, search) {
      await untilReached(project);
      return searchRuns({ warehouse, runs: options.runs, ...reads }, project, search);
    },
    noteWrite(project, position) {
      const known = writtenOf(project);
      if (known.position === null || comparePositions(position, known.position) > 0) known.position = position;
    },
  };
};
