import type { TableDefinition } from "../../infra/warehouse/ddl.ts";
import { warehouseFailed } from "../../infra/warehouse/failures.ts";
import type { Warehouse } from "../../infra/warehouse/open.ts";
import { placesTable } from "../places/kept-marks.ts";
import { latestTables, trackingTables } from "../tracking/tables.ts";

/**
 * The warehouse's tables. Where rows come from a topic, `_topic`, `_partition` and `_offset` say from which record:
 * a sink goes on at the newest offset of each partition plus one. Keys are in the order in which reads narrow down;
 * the engine replaces rows of equal key, so that a replayed log changes nothing.
 */
const origin = "_topic LowCardinality(String), _partition Int32, _offset Int64";

/** What a sink's insert holds of one partition is written as a whole; outcomes lie beside their predictions. */
const byEndpoint = "cityHash64(project, endpoint) + toUInt32(_partition)";
const byTopic = "cityHash64(_topic) + toUInt32(_partition)";
/** What is written in the order of one event store is on one shard. */
const together = "0";

const lateColumn = "late Bool DEFAULT false";

const predictions: TableDefinition = {
  name: "predictions",
  columns: `project LowCardinality(String), endpoint LowCardinality(String), id String, revision Int32,
  model LowCardinality(String), version Int32, variant LowCardinality(String), share Float64,
  entity String, key String, event_time DateTime64(3, 'UTC'),
  topic LowCardinality(String), partition Int32, offset Int64, positions Array(Int64),
  lookups Array(Tuple(view String, partition Int32, offset Int64)),
  features Array(Float32), output Float64, served_at DateTime64(3, 'UTC'), latency_ms Float64,
  runtime LowCardinality(String), ${lateColumn}, ${origin},
  INDEX by_time event_time TYPE minmax GRANULARITY 1`,
  orderBy: "project, endpoint, partition, offset, id",
  shardBy: byEndpoint,
};

/** In the order of the predictions that they answer: `_partition` is also the prediction's. */
const outcomes: TableDefinition = {
  name: "outcomes",
  columns: `project LowCardinality(String), endpoint LowCardinality(String), prediction_id String,
  model LowCardinality(String), version Int32, variant LowCardinality(String), entity String, key String,
  predicted_at DateTime64(3, 'UTC'), outcome_at DateTime64(3, 'UTC'), output Float64, outcome Float64,
  prediction_offset Int64, topic LowCardinality(String), partition Int32, offset Int64, ${origin},
  INDEX by_time predicted_at TYPE minmax GRANULARITY 1`,
  orderBy: "project, endpoint, _partition, prediction_offset, prediction_id",
  shardBy: byEndpoint,
};

const drift: TableDefinition = {
  name: "drift",
  columns: `project LowCardinality(String), monitor String, endpoint LowCardinality(String), model LowCardinality(String),
  version Int32, column String, statistic LowCardinality(String), value Float64, threshold Float64, drifted Bool,
  window_from DateTime64(3, 'UTC'), window_to DateTime64(3, 'UTC'), rows Int64, ${origin}`,
  orderBy: "project, endpoint, window_to, monitor, column, model, version, window_from",
  newestBy: "_offset",
  shardBy: byTopic,
};

/** The newest sketch of each tile and partition. */
const tiles: TableDefinition = {
  name: "tiles",
  columns: `project LowCardinality(String), kind LowCardinality(String), endpoint LowCardinality(String),
  model LowCardinality(String), version Int32, partition Int32, tile_from DateTime64(3, 'UTC'),
  tile_to DateTime64(3, 'UTC'), watermark DateTime64(3, 'UTC'), rows Int64, columns Array(String),
  bins Array(Int32), values Array(Float64), ${origin}`,
  orderBy: "project, kind, endpoint, model, version, tile_from, partition",
  newestBy: "_offset",
  shardBy: byTopic,
};

/** Features of an entity as they were after a record of the changelog. */
const featureValues: TableDefinition = {
  name: "feature_values",
  columns: `project LowCardinality(String), application LowCardinality(String), view LowCardinality(String), version Int32,
  entity String, at DateTime64(3, 'UTC'), values Array(Float64), ${origin}`,
  orderBy: "project, view, entity, at, _partition, _offset",
  shardBy: byTopic,
};

/** Every version of every document: the platform as of any moment. */
const documents: TableDefinition = {
  name: "documents",
  columns: `collection LowCardinality(String), project String, id String, position UInt64, at DateTime64(3, 'UTC'),
  doc String, deleted UInt8 DEFAULT 0`,
  orderBy: "collection, project, id, position",
  shardBy: together,
};

const audit: TableDefinition = {
  name: "audit",
  columns: `project LowCardinality(String), position UInt64, stream String, revision UInt64, type LowCardinality(String),
  actor LowCardinality(String), at DateTime64(3, 'UTC'), correlation String, causation String, data String,
  reason String, id String, schema_version UInt16, hash String`,
  orderBy: "project, position",
  shardBy: together,
};

const deadLetters: TableDefinition = {
  name: "dead_letters",
  columns: `project LowCardinality(String), stage LowCardinality(String), code LowCardinality(String), message String,
  topic LowCardinality(String), partition Int32, offset Int64, schema_id Nullable(Int32), key Nullable(String),
  value Nullable(String), timestamp DateTime64(3, 'UTC'), failed_at DateTime64(3, 'UTC'), ${origin}`,
  orderBy: "project, _partition, _offset",
  shardBy: byTopic,
};

const schemaVersions: TableDefinition = {
  name: "schema_versions",
  columns: "version UInt32, at DateTime64(3, 'UTC') DEFAULT now64(3)",
  orderBy: "version",
  shardBy: together,
};

/** Every table as this release has it. */
export const tables: readonly TableDefinition[] = [
  predictions,
  outcomes,
  drift,
  tiles,
  featureValues,
  documents,
  audit,
  deadLetters,
  schemaVersions,
  placesTable,
  ...trackingTables,
];

/**
 * `anewWithout`: tables that are dropped before where they lack this column, and filled again from their logs. `added`:
 * columns that tables get. `views`: what is selected, by name.
 */
type Migration = {
  version: number;
  tables: readonly TableDefinition[];
  anewWithout?: Readonly<Record<string, string>>;
  added?: Readonly<Record<string, string>>;
  views?: Readonly<Record<string, string>>;
};

/**
 * Records that fed no feature, by hour of the task's event time: `cause` is `late` and `keyless` of a view, `ahead` of
 * an event source, whose records are dead letters too.
 */
const droppedEvents = `SELECT project, endpoint AS name, model AS cause, version, partition, tile_from AS hour,
  argMax(rows, _offset) AS events
FROM tiles WHERE kind = 'dropped' GROUP BY project, name, cause, version, partition, hour`;

/** Applied in order, each once; creating what is there already changes nothing. */
const migrations: readonly Migration[] = [
  { version: 1, tables },
  // The chain of digests begins with the first event: the table is filled from the event store again.
  { version: 2, tables: [audit], anewWithout: { audit: "hash" } },
  { version: 3, tables: trackingTables },
  { version: 4, tables: [placesTable] },
  // The latest point of a metric was the one of the highest timestamp, whatever its step.
  { version: 5, tables: latestTables, anewWithout: { run_metrics: "recency", latest_metrics: "recency" } },
  { version: 6, tables: [], added: { predictions: lateColumn }, views: { dropped_events: droppedEvents } },
];

/** Brings the tables to this release. Safe to call by several processes. WAREHOUSE_FAILED, ENGINE_REFUSED. */
export const ensureTables = async (warehouse: Warehouse): Promise<void> => {
  await warehouse.ensureDatabase();
  const { client, ddl } = warehouse;
  const create = async (table: TableDefinition): Promise<void> => {
    for (const query of ddl.createTable(table)) await client.command({ query });
  };
  const dropWithout = async (table: string, column: string): Promise<void> => {
    const query = `SELECT count() AS found FROM system.columns
      WHERE database = currentDatabase() AND table = {table:String} AND name = {column:String}`;
    const answer = await client.query({ query, query_params: { table, column }, format: "JSONEachRow" });
    const [{ found }] = await answer.json<{ found: number }>();
    if (Number(found) === 0) for (const statement of ddl.dropTable(table)) await client.command({ query: statement });
  };
  try {
    await create(schemaVersions);
    const answer = await client.query({
      query: "SELECT max(version) AS version FROM schema_versions",
      format: "JSONEachRow",
    });
    const [{ version }] = await answer.json<{ version: number }>();
    for (const migration of migrations) {
      if (migration.version <= version) continue;
      for (const [table, column] of Object.entries(migration.anewWithout ?? {})) await dropWithout(table, column);
      for (const table of migration.tables) await create(table);
      for (const [table, column] of Object.entries(migration.added ?? {})) {
        for (const query of ddl.addColumn(table, column)) await client.command({ query });
      }
      for (const [view, select] of Object.entries(migration.views ?? {})) {
        await client.command({ query: ddl.createView(view, select) });
      }
      await client.insert({
        table: schemaVersions.name,
        values: [{ version: migration.version }],
        columns: ["version"],
        format: "JSONEachRow",
      });
    }
  } catch (error) {
    throw warehouseFailed("prepare the tables", error);
  }
};
