import { type Warehouse, warehouseFailed } from "../../infra/warehouse/open.ts";

/**
 * The warehouse's tables. Where rows come from a topic, `_topic`, `_partition` and `_offset` say from which record:
 * a sink goes on at the newest offset of each partition plus one. Keys are in the order in which reads narrow down;
 * the engines replace rows of equal key, so that a replayed log changes nothing.
 */
const origin = "_topic LowCardinality(String), _partition Int32, _offset Int64";

/** Tokens of so many inserts are remembered: an insert that is sent again is written once. */
const once = "non_replicated_deduplication_window = 1000";

const predictions = `CREATE TABLE IF NOT EXISTS predictions (
  project LowCardinality(String), endpoint LowCardinality(String), id String, revision Int32,
  model LowCardinality(String), version Int32, variant LowCardinality(String), share Float64,
  entity String, key String, event_time DateTime64(3, 'UTC'),
  topic LowCardinality(String), partition Int32, offset Int64, positions Array(Int64),
  lookups Array(Tuple(view String, partition Int32, offset Int64)),
  features Array(Float32), output Float64, served_at DateTime64(3, 'UTC'), latency_ms Float64,
  runtime LowCardinality(String), ${origin},
  INDEX by_time event_time TYPE minmax GRANULARITY 1
) ENGINE = ReplacingMergeTree ORDER BY (project, endpoint, partition, offset, id) SETTINGS ${once}`;

/** In the order of the predictions that they answer: `_partition` is also the prediction's. */
const outcomes = `CREATE TABLE IF NOT EXISTS outcomes (
  project LowCardinality(String), endpoint LowCardinality(String), prediction_id String,
  model LowCardinality(String), version Int32, variant LowCardinality(String), entity String, key String,
  predicted_at DateTime64(3, 'UTC'), outcome_at DateTime64(3, 'UTC'), output Float64, outcome Float64,
  prediction_offset Int64, topic LowCardinality(String), partition Int32, offset Int64, ${origin},
  INDEX by_time predicted_at TYPE minmax GRANULARITY 1
) ENGINE = ReplacingMergeTree ORDER BY (project, endpoint, _partition, prediction_offset, prediction_id)
SETTINGS ${once}`;

const drift = `CREATE TABLE IF NOT EXISTS drift (
  project LowCardinality(String), monitor String, endpoint LowCardinality(String), model LowCardinality(String),
  version Int32, column String, statistic LowCardinality(String), value Float64, threshold Float64, drifted Bool,
  window_from DateTime64(3, 'UTC'), window_to DateTime64(3, 'UTC'), rows Int64, ${origin}
) ENGINE = ReplacingMergeTree(_offset)
ORDER BY (project, endpoint, window_to, monitor, column, model, version, window_from) SETTINGS ${once}`;

/** The newest sketch of each tile and partition. */
const tiles = `CREATE TABLE IF NOT EXISTS tiles (
  project LowCardinality(String), kind LowCardinality(String), endpoint LowCardinality(String),
  model LowCardinality(String), version Int32, partition Int32, tile_from DateTime64(3, 'UTC'),
  tile_to DateTime64(3, 'UTC'), watermark DateTime64(3, 'UTC'), rows Int64, columns Array(String),
  bins Array(Int32), values Array(Float64), ${origin}
) ENGINE = ReplacingMergeTree(_offset)
ORDER BY (project, kind, endpoint, model, version, tile_from, partition) SETTINGS ${once}`;

/** Features of an entity as they were after a record of the changelog. */
const featureValues = `CREATE TABLE IF NOT EXISTS feature_values (
  project LowCardinality(String), application LowCardinality(String), view LowCardinality(String), version Int32,
  entity String, at DateTime64(3, 'UTC'), values Array(Float64), ${origin}
) ENGINE = ReplacingMergeTree ORDER BY (project, view, entity, at, _partition, _offset) SETTINGS ${once}`;

/** Every version of every document: the platform as of any moment. */
const documents = `CREATE TABLE IF NOT EXISTS documents (
  collection LowCardinality(String), project String, id String, position UInt64, at DateTime64(3, 'UTC'),
  doc String, deleted UInt8 DEFAULT 0
) ENGINE = ReplacingMergeTree ORDER BY (collection, project, id, position) SETTINGS ${once}`;

const audit = `CREATE TABLE IF NOT EXISTS audit (
  project LowCardinality(String), position UInt64, stream String, revision UInt64, type LowCardinality(String),
  actor LowCardinality(String), at DateTime64(3, 'UTC'), correlation String, causation String, data String,
  reason String
) ENGINE = ReplacingMergeTree ORDER BY (project, position) SETTINGS ${once}`;

const deadLetters = `CREATE TABLE IF NOT EXISTS dead_letters (
  project LowCardinality(String), stage LowCardinality(String), code LowCardinality(String), message String,
  topic LowCardinality(String), partition Int32, offset Int64, schema_id Nullable(Int32), key Nullable(String),
  value Nullable(String), timestamp DateTime64(3, 'UTC'), failed_at DateTime64(3, 'UTC'), ${origin}
) ENGINE = ReplacingMergeTree ORDER BY (project, _partition, _offset) SETTINGS ${once}`;

/** Applied in order, each once; a statement must be one that may run again. */
const migrations: readonly { version: number; statements: readonly string[] }[] = [
  {
    version: 1,
    statements: [predictions, outcomes, drift, tiles, featureValues, documents, audit, deadLetters],
  },
];

/** Brings the tables to this release. Safe to call by several processes. WAREHOUSE_FAILED. */
export const ensureTables = async (warehouse: Warehouse): Promise<void> => {
  await warehouse.ensureDatabase();
  const { client } = warehouse;
  try {
    await client.command({
      query:
        "CREATE TABLE IF NOT EXISTS schema_versions (version UInt32, at DateTime64(3, 'UTC') DEFAULT now64(3)) " +
        "ENGINE = ReplacingMergeTree ORDER BY version",
    });
    const answer = await client.query({
      query: "SELECT max(version) AS version FROM schema_versions",
      format: "JSONEachRow",
    });
    const [{ version }] = await answer.json<{ version: number }>();
    for (const migration of migrations) {
      if (migration.version <= version) continue;
      for (const statement of migration.statements) await client.command({ query: statement });
      await client.insert({
        table: "schema_versions",
        values: [{ version: migration.version }],
        columns: ["version"],
        format: "JSONEachRow",
      });
    }
  } catch (error) {
    throw warehouseFailed("prepare the tables", error);
  }
};
