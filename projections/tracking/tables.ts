import type { TableDefinition } from "../../infra/warehouse/ddl.ts";

/**
 * Rows of the run that no run is: how far the topic's partitions, or the event store, have been written. They lie
 * together, whatever else the table holds.
 */
export const noRun = "00000000-0000-0000-0000-000000000000";

const origin = "_topic LowCardinality(String), _partition Int32, _offset Int64";
/** A run is of one partition, and what an insert holds of a partition is written as a whole. */
const byPartition = "cityHash64(_topic) + toUInt32(_partition)";
const latest = `project LowCardinality(String), experiment LowCardinality(String), key LowCardinality(String), run UUID,
  value Float64, timestamp Int64, step Int64, recency UInt256, ${origin}`;

/** Every point. Its identity is all of its fields, so that one that was logged again is one. */
const metrics: TableDefinition = {
  name: "metrics",
  columns: `project LowCardinality(String), run UUID, key LowCardinality(String), timestamp Int64, step Int64,
  value Float64, model String, dataset String, digest String, ${origin},
  INDEX by_model model TYPE bloom_filter GRANULARITY 1`,
  orderBy: "project, run, key, timestamp, step, value, model, dataset, digest",
  shardBy: byPartition,
};

/** The latest point of each metric by run: what a run shows. Its reads are of few runs each. */
const runMetrics: TableDefinition = {
  name: "run_metrics",
  columns: latest,
  orderBy: "project, run, key",
  newestBy: "recency",
  granularity: 256,
  shardBy: byPartition,
};

/** The same by metric: what searches and orders go through. */
const latestMetrics: TableDefinition = {
  name: "latest_metrics",
  columns: latest,
  orderBy: "project, experiment, key, run",
  newestBy: "recency",
  shardBy: byPartition,
};

/** A run's attributes, params and tags, a row each, as `param.depth`; `entry` tells several of one run apart. */
const runFields: TableDefinition = {
  name: "run_fields",
  columns: `project LowCardinality(String), experiment LowCardinality(String), field LowCardinality(String), run UUID,
  entry String, text String, number Float64, removed UInt8, position UInt64`,
  orderBy: "project, experiment, field, run, entry",
  newestBy: "position",
  shardBy: "0",
};

/** Of which a row is the latest point of a metric. */
export const latestTables: readonly TableDefinition[] = [runMetrics, latestMetrics];

export const trackingTables: readonly TableDefinition[] = [metrics, ...latestTables, runFields];
