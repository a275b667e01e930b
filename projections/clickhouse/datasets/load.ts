import { randomUUID } from "node:crypto";
import { ClickHouseError } from "@clickhouse/client";
import type { Artifacts } from "../../../infra/artifacts/port.ts";
import type { TableDefinition } from "../../../infra/warehouse/ddl.ts";
import type { Warehouse } from "../../../infra/warehouse/open.ts";
import { plainType } from "../../../ml/datasets/profile.ts";
import { MillraceError } from "../../../schemas/errors.ts";
import type { DatasetColumn, DatasetFormat } from "../../../schemas/lifecycle/dataset.ts";
import { stageAvro } from "./avro.ts";
import { overBudget } from "./budget.ts";
import { stageCsv } from "./csv.ts";
import { stageJson } from "./json.ts";
import { stageParquet } from "./parquet.ts";
import { profileTable } from "./profile.ts";
import { stageQuery } from "./query-rows.ts";
import { cannotBeHeld, invalid } from "./refusal.ts";
import { backquoted, datasetTable, rowColumn } from "./sql.ts";
import { nestedTable, type Staged, turnedTable } from "./staged.ts";
import { failed, select, statement } from "./warehouse-calls.ts";

type Loaded = { size: number; rows: number; schema: DatasetColumn[]; profile: string };

export type DatasetEngines = { warehouse: Warehouse; artifacts: Artifacts };

const staging = "dataset_staging_";

/**
 * Makes a stored file the table `dataset_<digest>_r2_<format>`, with the position of each row as `_row`, unless it is
 * there. It is filled under another name and gets its own when it is whole. NOT_FOUND, INVALID_DATASET naming the row,
 * WAREHOUSE_FAILED, STORAGE_FULL, CORRUPT_ARTIFACT.
 */
export const ensureDatasetTable = async (
  engines: DatasetEngines,
  digest: string,
  format: DatasetFormat,
): Promise<void> => {
  const { warehouse } = engines;
  const table = datasetTable(digest, format);
  try {
    if (await isThere(warehouse, table)) return;
    await dropForgotten(warehouse);
    const name = `${staging}${Date.now()}_${randomUUID().replaceAll("-", "")}`;
    const rows = `${name}_rows`;
    try {
      const staged = await stage(engines, digest, format, name);
      await fill(warehouse, staged, rows);
      await takeName(warehouse, rows, table);
    } finally {
      await clear(warehouse, name, rows);
    }
  } catch (error) {
    throw overBudget(error) ?? cannotBeHeld(error) ?? failed(`load dataset ${digest.slice(0, 12)}`, error);
  }
};

/** As `ensureDatasetTable`, and says what is in it; the profile is stored as an artifact. */
export const loadDataset = async (engines: DatasetEngines, digest: string, format: DatasetFormat): Promise<Loaded> => {
  const { warehouse, artifacts } = engines;
  const info = await artifacts.stat(digest);
  if (info === null) throw new MillraceError("NOT_FOUND", `artifact ${digest} is not stored; upload it first`);
  if (info.size === 0) throw invalid("the file is empty");
  await ensureDatasetTable(engines, digest, format);
  const table = datasetTable(digest, format);
  try {
    const schema = await schemaOf(warehouse, table);
    const profile = await profileTable(warehouse, table, schema);
    const stored = await artifacts.put(Buffer.from(JSON.stringify(profile)));
    return {
      size: info.size,
      rows: profile.rows,
      schema: schema.map(({ name, type }) => ({ name, type: plainType(type) })),
      profile: stored.digest,
    };
  } catch (error) {
    throw overBudget(error) ?? cannotBeHeld(error) ?? failed(`profile dataset ${digest.slice(0, 12)}`, error);
  }
};

/** A file may have taken the warehouse with it: what is left of it now is dropped as forgotten. */
const clear = async (warehouse: Warehouse, name: string, rows: string): Promise<void> => {
  const staged = [name, nestedTable(name), turnedTable(name)].map((table) => `DROP TABLE IF EXISTS ${table} SYNC`);
  const queries = [...staged, ...warehouse.ddl.dropTable(rows)];
  for (const query of queries) await statement(warehouse, query).catch(() => undefined);
};

const stage = (engines: DatasetEngines, digest: string, format: DatasetFormat, table: string): Promise<Staged> => {
  if (format === "csv") return stageCsv(engines, digest, table);
  if (format === "json") return stageJson(engines, digest, table);
  if (format === "parquet") return stageParquet(engines, digest, table);
  if (format === "avro") return stageAvro(engines, digest, table);
  return stageQuery(engines, digest, table);
};

const definitionOf = (name: string, columns: readonly DatasetColumn[]): TableDefinition => ({
  name,
  columns: [`${rowColumn} UInt64`, ...columns.map((column) => `${backquoted(column.name)} ${column.type}`)].join(", "),
  orderBy: rowColumn,
  shardBy: "0",
});

const fill = async (warehouse: Warehouse, { table, columns }: Staged, rows: string): Promise<void> => {
  const [{ count }] = await select<{ count: number }>(warehouse, `SELECT count() AS count FROM ${table}`);
  if (Number(count) === 0) throw invalid("the file has no rows");
  for (const query of warehouse.ddl.createTable(definitionOf(rows, columns))) await statement(warehouse, query);
  const values = columns.map(({ sql }) => sql).join(", ");
  await statement(
    warehouse,
    `INSERT INTO ${rows} SELECT rowNumberInAllBlocks(), ${values} FROM ${table} ` +
      "SETTINGS max_threads = 1, max_insert_threads = 1",
  );
};

const TABLE_ALREADY_EXISTS = "57";

/** Whoever loads the same bytes at the same time may have been faster: their table has the same rows. */
const takeName = async (warehouse: Warehouse, from: string, to: string): Promise<void> => {
  try {
    for (const query of warehouse.ddl.renameTable(from, to)) await statement(warehouse, query);
  } catch (error) {
    if (!(error instanceof ClickHouseError && error.code === TABLE_ALREADY_EXISTS)) throw error;
  }
};

const isThere = async (warehouse: Warehouse, table: string): Promise<boolean> => {
  const [{ result }] = await select<{ result: number }>(warehouse, `EXISTS TABLE ${table}`);
  return Number(result) > 0;
};

const dayMs = 86_400_000;

/**
 * What a process that was killed has left behind. Its age stands in its name: chDB's database `default` says of every
 * table that it is of 1970, also of those that are being filled.
 */
const dropForgotten = async (warehouse: Warehouse): Promise<void> => {
  const forgotten = await select<{ name: string }>(
    warehouse,
    `SELECT name FROM system.tables WHERE database = currentDatabase()
      AND toInt64OrZero(extract(name, '^${staging}([0-9]+)_')) BETWEEN 1 AND ${Date.now() - dayMs}`,
  );
  for (const { name } of forgotten) {
    for (const query of warehouse.ddl.dropTable(name)) await statement(warehouse, query);
  }
};

const schemaOf = (warehouse: Warehouse, table: string): Promise<DatasetColumn[]> =>
  select<DatasetColumn>(
    warehouse,
    `SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = '${table}'
      AND name != '${rowColumn}' ORDER BY position`,
  );
