/** A table as the platform means it; how it is spelled depends on where it lives. */
export type TableDefinition = {
  name: string;
  /** Columns and indices, as they stand between the brackets of CREATE TABLE. */
  columns: string;
  orderBy: string;
  /** Of rows with an equal key the one with the highest value stays; the last inserted without it. */
  newestBy?: string;
  /** Rows of a granule, the least that a read by key takes; the engine's 8192 without it. */
  granularity?: number;
  /** Which shard holds a row. Rows that one insert must write as a whole are to have the same value. */
  shardBy: string;
};

/** The statements that define things, for one server or for every server of a cluster. */
export type Ddl = {
  createDatabase(): string;
  /** The table under its own name or another; the statements are run in order. */
  createTable(table: TableDefinition, name?: string): string[];
  /** Gives a table a column, with its type and default, where it does not have it. */
  addColumn(table: string, column: string): string[];
  /** Both names change their rows, each server in one step. */
  exchangeTables(one: string, other: string): string;
  dropTable(name: string): string[];
  /** Deletes the rows that meet a condition; they are gone when it has answered. */
  deleteRows(table: string, condition: string): string;
  /** Refused where there is a table of the new name. */
  renameTable(from: string, to: string): string[];
  /** Reads a table that was perhaps set aside: `FROM ...`. */
  rowsOf(name: string): string;
  /** Sets a table aside under another name, or brings it back; then `createTable` makes what belongs to it. */
  moveTable(from: string, to: string): string[];
  createView(name: string, select: string): string;
  /** Selects as `name` the tables, on whichever server, that were made under names with this ending. */
  tablesEndingIn(ending: string): string;
};

/** Tokens of so many inserts are remembered, for so many seconds: an insert that is sent again is written once. */
const rememberedInserts = 1000;
const rememberedSeconds = 7 * 24 * 3600;

/** Ends the names of tables that were set aside (projections/clickhouse/other-log.ts): no query of a project reads them. */
export const asideSuffix = (digest: string): string => `__of_${digest.slice(0, 8)}`;
export const isAside = (table: string): boolean => /__of_[0-9a-f]{8}$/.test(table);

export const ddlOf = ({ database, cluster }: { database: string; cluster: string | null }): Ddl =>
  cluster === null ? oneServer(database) : manyServers(database, cluster);

const oneServer = (database: string): Ddl => ({
  createDatabase: () => `CREATE DATABASE IF NOT EXISTS ${backquoted(database)}`,
  createTable: ({ columns, orderBy, newestBy = "", granularity, ...table }, name = table.name) => [
    `CREATE TABLE IF NOT EXISTS ${name} (${columns}) ENGINE = ReplacingMergeTree(${newestBy}) ` +
      `ORDER BY (${orderBy}) SETTINGS non_replicated_deduplication_window = ${rememberedInserts}${granules(granularity)}`,
  ],
  addColumn: (table, column) => [`ALTER TABLE ${table} ADD COLUMN IF NOT EXISTS ${column}`],
  exchangeTables: (one, other) => `EXCHANGE TABLES ${one} AND ${other}`,
  dropTable: (name) => [`DROP TABLE IF EXISTS ${name} SYNC`],
  deleteRows: (table, condition) => `DELETE FROM ${table} WHERE ${condition}`,
  renameTable: (from, to) => [`RENAME TABLE ${from} TO ${to}`],
  rowsOf: (name) => name,
  moveTable: (from, to) => [`RENAME TABLE ${from} TO ${to}`],
  createView: (name, select) => `CREATE OR REPLACE VIEW ${name} AS ${select}`,
  tablesEndingIn: (ending) =>
    `SELECT name FROM system.tables WHERE database = ${quoted(database)} AND endsWith(name, ${quoted(ending)})`,
});

/**
 * A replicated table a shard, `<name>_local`, and a distributed one under the public name, which is what everybody
 * reads and writes. The path in the keeper goes by the table's UUID, which ON CLUSTER makes the same everywhere: a
 * name may then change hands.
 */
const manyServers = (database: string, cluster: string): Ddl => {
  const onCluster = `ON CLUSTER ${quoted(cluster)}`;
  const local = (name: string): string => `${name}_local`;
  const replicated = "ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{uuid}', '{replica}'";
  const remembered =
    `replicated_deduplication_window = ${rememberedInserts}, ` +
    `replicated_deduplication_window_seconds = ${rememberedSeconds}`;
  return {
    createDatabase: () => `CREATE DATABASE IF NOT EXISTS ${backquoted(database)} ${onCluster}`,
    createTable: ({ columns, orderBy, newestBy, granularity, shardBy, ...table }, name = table.name) => [
      `CREATE TABLE IF NOT EXISTS ${local(name)} ${onCluster} (${columns}) ` +
        `ENGINE = ${replicated}${newestBy === undefined ? "" : `, ${newestBy}`}) ` +
        `ORDER BY (${orderBy}) SETTINGS ${remembered}${granules(granularity)}`,
      `CREATE TABLE IF NOT EXISTS ${name} ${onCluster} AS ${local(name)} ` +
        `ENGINE = Distributed(${quoted(cluster)}, ${quoted(database)}, ${quoted(local(name))}, ${shardBy})`,
    ],
    addColumn: (table, column) =>
      [local(table), table].map((name) => `ALTER TABLE ${name} ${onCluster} ADD COLUMN IF NOT EXISTS ${column}`),
    exchangeTables: (one, other) => `EXCHANGE TABLES ${local(one)} AND ${local(other)} ${onCluster}`,
    deleteRows: (table, condition) => `DELETE FROM ${local(table)} ${onCluster} WHERE ${condition}`,
    renameTable: (from, to) => [
      `RENAME TABLE ${local(from)} TO ${local(to)} ${onCluster}`,
      `DROP TABLE ${from} ${onCluster} SYNC`,
      `CREATE TABLE ${to} ${onCluster} AS ${local(to)} ` +
        `ENGINE = Distributed(${quoted(cluster)}, ${quoted(database)}, ${quoted(local(to))}, 0)`,
    ],
    dropTable: (name) => [name, local(name)].map((each) => `DROP TABLE IF EXISTS ${each} ${onCluster} SYNC`),
    rowsOf: (name) => `cluster(${quoted(cluster)}, ${quoted(database)}, ${quoted(local(name))})`,
    // What is set aside has no face: nothing is read or written there.
    moveTable: (from, to) => [
      `DROP TABLE IF EXISTS ${from} ${onCluster} SYNC`,
      `RENAME TABLE ${local(from)} TO ${local(to)} ${onCluster}`,
    ],
    createView: (name, select) => `CREATE OR REPLACE VIEW ${name} ${onCluster} AS ${select}`,
    tablesEndingIn: (ending) =>
      `SELECT DISTINCT replaceRegexpOne(name, '_local$', '') AS name ` +
      `FROM clusterAllReplicas(${quoted(cluster)}, system.tables) WHERE database = ${quoted(database)} ` +
      `AND (endsWith(name, ${quoted(ending)}) OR endsWith(name, ${quoted(local(ending))}))`,
  };
};

/**
 * Of a cluster's statements. An insert is answered when a majority of its shard's replicas has it, one insert after
 * the other; predictions and their outcomes lie on the same shard, so that they are joined there.
 */
export const clusterSettings = {
  distributed_foreground_insert: 1,
  insert_quorum: "auto",
  insert_quorum_parallel: 0,
  distributed_product_mode: "local",
} as const;

/**
 * Of a query whose answer says where to go on writing: it must not come from a replica that lacks acknowledged rows.
 * Without meaning on one server.
 */
export const readOwnWrites = "SETTINGS select_sequential_consistency = 1";

const granules = (rows: number | undefined): string => (rows === undefined ? "" : `, index_granularity = ${rows}`);
const quoted = (text: string): string => `'${text.replace(/[\\']/g, "\\$&")}'`;
const backquoted = (text: string): string => `\`${text.replace(/[\\`]/g, "\\$&")}\``;
