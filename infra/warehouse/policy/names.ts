import { lowerWords } from "./words.ts";

/** Table functions that make their rows up, or take them from their arguments. */
export const tableFunctions = lowerWords(`
  numbers numbers_mt zeros zeros_mt values generateSeries generate_series generateRandom primes null
`);

/** Table functions that are known and refused: they reach the host, the network, or tables past their names. */
export const refusedTableFunctions = lowerWords(`
  SQLStandardValues arrowstream azureBlobStorage azureBlobStorageCluster cluster clusterAllReplicas cosn deltaLake
  deltaLakeAzure deltaLakeAzureCluster deltaLakeCluster deltaLakeLocal deltaLakeS3 deltaLakeS3Cluster dictionary eval
  executable file fileCluster filesystem format fuzzJSON fuzzQuery gcs hdfs hdfsCluster hudi hudiCluster iceberg
  icebergAzure icebergAzureCluster icebergCluster icebergHDFS icebergHDFSCluster icebergLocal icebergLocalCluster
  icebergS3 icebergS3Cluster input jdbc loop merge mergeTreeAnalyzeIndexes mergeTreeAnalyzeIndexesUUID mergeTreeIndex
  mergeTreeProjection mergeTreeTextIndex mongodb mysql odbc oss paimon paimonAzure paimonAzureCluster paimonCluster
  paimonHDFS paimonHDFSCluster paimonLocal paimonS3 paimonS3Cluster postgresql prometheusQuery prometheusQueryRange
  redis remote remoteSecure s3 s3Cluster sqlite timeSeriesData timeSeriesMetrics timeSeriesSamples timeSeriesSelector
  timeSeriesTags url urlCluster view viewExplain viewIfPermitted ytsaurus
`);

/** Table engines that keep their rows in the warehouse's own directory or in memory, and read no other table. */
export const tableEngines = lowerWords(`
  MergeTree ReplacingMergeTree SummingMergeTree AggregatingMergeTree CollapsingMergeTree VersionedCollapsingMergeTree
  CoalescingMergeTree Memory Log TinyLog StripeLog Null Set Join
`);

export const databaseEngines = lowerWords("Atomic Memory");

/** Tables of `system` that say what the engine can and which tables there are. */
export const systemTables = lowerWords(`
  one numbers numbers_mt zeros zeros_mt tables columns databases functions table_functions table_engines
  data_type_families formats aggregate_function_combinators data_skipping_indices data_skipping_index_types settings
  merge_tree_settings parts parts_columns projections mutations time_zones collations keywords licenses contributors
  codecs documentation unicode completions database_engines constraints
`);

/** Types, which are followed by brackets as functions are. */
export const typeNames = lowerWords(`
  AggregateFunction Array BFloat16 BIGINT BINARY BIT BLOB BYTE BYTEA Bool bool boolean CHAR CHARACTER CLOB DEC DOUBLE
  Date Date32 DateTime DateTime32 DateTime64 Decimal Decimal128 Decimal256 Decimal32 Decimal64 Dynamic ENUM Enum Enum16
  Enum8 FIXED FLOAT FixedString Float32 Float64 Geometry INET4 INET6 INT INT1 INTEGER IPv4 IPv6 Int128 Int16 Int256
  Int32 Int64 Int8 JSON LineString LowCardinality MEDIUMINT Map MultiLineString MultiPolygon NUMERIC NVARCHAR Nested
  Nothing Nullable Point Polygon QBit REAL Ring SINGLE SMALLINT SimpleAggregateFunction String TEXT TIMESTAMP TINYINT
  Time Time64 Tuple UInt128 UInt16 UInt256 UInt32 UInt64 UInt8 UUID VARBINARY VARCHAR VARCHAR2 Variant YEAR
`);

/** Keywords of expressions and queries that a bracket may follow. None of them is a function that is refused. */
export const bracketWords = lowerWords(`
  ALL AND ANTI ANY APPLY ARRAY AS ASC ASOF BETWEEN BY CASE COLUMNS CROSS CUBE DESC DISTINCT ELSE END EXCEPT EXISTS
  FILTER FINAL FIRST FROM FULL GLOBAL GROUP HAVING ILIKE IN INNER INTERSECT INTERVAL IS JOIN LAST LEFT LIKE LIMIT NOT
  NULL OFFSET ON ONLY OR ORDER OUTER OVER PARTITION PASTE PREWHERE QUALIFY REGEXP REPLACE RIGHT ROLLUP ROWS SAMPLE
  SELECT SEMI SETS THEN TO TOP TOTALS UNION USING VALUES WHEN WHERE WINDOW WITH WITHIN XOR
  DATE_ADD DATE_SUB DATEADD DATESUB DATEDIFF TIMESTAMPADD TIMESTAMPSUB TIMESTAMP_ADD TIMESTAMP_SUB TIMESTAMPDIFF
  EXTRACT TRIM LTRIM RTRIM SUBSTRING POSITION CAST GROUPING
`);

/** The same in definitions of tables: clauses, codecs, indices. */
export const definitionWords = lowerWords(`
  ALIAS ASSUME BLOOM_FILTER CHECK CODEC DEFAULT DELTA DOUBLEDELTA EPHEMERAL FPC GCD GORILLA HYPOTHESIS KEY LZ4 LZ4HC
  MATERIALIZED MINMAX NGRAMBF_V1 NONE SET STATISTICS T64 TOKENBF_V1 TTL TYPE UNIQ ZSTD
`);

/** Combinators of aggregate functions. */
export const combinators =
  "If|Array|Map|State|Merge|ForEach|Distinct|OrDefault|OrNull|Resample|SimpleState|ArgMin|ArgMax|Tuple|Null";

/** Databases that the platform's own tables may be in. */
const platformDatabases = new Set(["default", "millrace"]);
const engineDatabases = new Set(["system", "information_schema"]);

/** The platform's tables; names of its views and of tables in the making are patterns. */
const platformTables = lowerWords(`
  predictions outcomes drift tiles feature_values dead_letters dropped_events documents audit metrics run_metrics
  latest_metrics run_fields schema_versions readiness places
`);
const platformPattern = /^(predictions_|dataset_)|__rebuild$|_local$|__of_[0-9a-f]{8}$/;

/** Whether a table belongs to the platform or the engine, or the name is kept for one: guests cannot change it. */
export const isReserved = (database: string, table: string): boolean => {
  const name = table.toLowerCase();
  if (engineDatabases.has(database.toLowerCase())) return true;
  return platformDatabases.has(database.toLowerCase()) && (platformTables.has(name) || platformPattern.test(name));
};

export const isReservedDatabase = (database: string): boolean =>
  engineDatabases.has(database.toLowerCase()) || platformDatabases.has(database.toLowerCase());
