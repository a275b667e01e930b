import type { Artifacts } from "../../../infra/artifacts/port.ts";
import type { Warehouse } from "../../../infra/warehouse/open.ts";
import type { DatasetColumn } from "../../../schemas/lifecycle/dataset.ts";
import { checkAvroBlocks } from "./avro-blocks.ts";
import { checkNames } from "./names.ts";
import { invalid, isMalformed, readRefusal } from "./refusal.ts";
import { backquoted } from "./sql.ts";
import { type Staged, smallBlocks, stagingEngine } from "./staged.ts";
import { insertBytes, select, statement } from "./warehouse-calls.ts";

export type TypedFormat = "parquet" | "avro" | "query";

/** The rows of a query are kept in the format that loses nothing of their types, and whose bytes only the rows decide. */
export const queryFormat = "RowBinaryWithNamesAndTypes";

const engineFormat: Record<TypedFormat, string> = { parquet: "Parquet", avro: "Avro", query: queryFormat };

const HEAD_BYTES = 1 << 20;
const MAX_FOOTER_BYTES = 16 << 20;
const PARQUET_MAGIC = "PAR1";

const headOf = async (artifacts: Artifacts, digest: string): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of await artifacts.get(digest)) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes >= HEAD_BYTES) break;
  }
  return Buffer.concat(chunks).subarray(0, HEAD_BYTES);
};

/** The end of a stream, in little more memory than what is asked for. */
const tailOf = async (artifacts: Artifacts, digest: string, bytes: number): Promise<Buffer> => {
  let tail = Buffer.alloc(0);
  let pending: Buffer[] = [];
  let held = 0;
  for await (const chunk of await artifacts.get(digest)) {
    pending.push(chunk);
    held += chunk.length;
    if (held < bytes) continue;
    tail = Buffer.concat([tail, ...pending]).subarray(-bytes);
    pending = [];
    held = 0;
  }
  return Buffer.concat([tail, ...pending]).subarray(-bytes);
};

/** A Parquet file without its rows: what describes them stands at the end. */
const parquetFooter = async (artifacts: Artifacts, digest: string): Promise<Buffer> => {
  const tail = await tailOf(artifacts, digest, MAX_FOOTER_BYTES);
  const length = tail.length < 12 ? 0 : tail.readUInt32LE(tail.length - 8);
  if (tail.toString("latin1", tail.length - 4) !== PARQUET_MAGIC || length === 0) {
    throw invalid("the file does not end as a Parquet file does: is it whole, and is it Parquet?");
  }
  if (length + 8 > tail.length)
    throw invalid("the description of the Parquet file is longer than the file, or than 16 MiB");
  return Buffer.concat([Buffer.from(PARQUET_MAGIC), tail.subarray(-8 - length)]);
};

/** Names and types as the file itself says them, read by the warehouse from the part that holds them. */
const describe = async (
  { warehouse, artifacts }: { warehouse: Warehouse; artifacts: Artifacts },
  digest: string,
  format: TypedFormat,
): Promise<DatasetColumn[]> => {
  const part = await (format === "parquet" ? parquetFooter(artifacts, digest) : headOf(artifacts, digest));
  try {
    const found = await select<DatasetColumn>(
      warehouse,
      `DESCRIBE TABLE format(${engineFormat[format]}, unhex('${part.toString("hex")}'))`,
      { max_query_size: part.length * 2 + 10_000 },
    );
    return found.map(({ name, type }) => ({ name, type }));
  } catch (error) {
    if (isMalformed(error)) throw invalid(`not ${format}: ${readRefusal(error.message).reason}`, {}, error);
    throw error;
  }
};

/** A file that says the types of its columns itself. */
export const stageTyped = async (
  engines: { warehouse: Warehouse; artifacts: Artifacts },
  digest: string,
  format: TypedFormat,
  table: string,
): Promise<Staged> => {
  const { warehouse, artifacts } = engines;
  if (format === "avro") await checkAvroBlocks(await artifacts.get(digest));
  const columns = await describe(engines, digest, format);
  checkNames(
    columns.map(({ name }) => name),
    "columns",
  );
  const declared = columns.map(({ name, type }) => `${backquoted(name)} ${type}`).join(", ");
  await statement(warehouse, `CREATE TABLE ${table} (${declared}) ${stagingEngine}`);
  const inOrder = format === "parquet" ? "input_format_parquet_preserve_order = 1, " : "";
  const query = `INSERT INTO ${table} SETTINGS ${inOrder}${smallBlocks} FORMAT ${engineFormat[format]}`;
  try {
    await insertBytes(warehouse, query, await artifacts.get(digest));
  } catch (error) {
    if (!isMalformed(error)) throw error;
    const { row, reason } = readRefusal(error.message);
    throw invalid(`${row === null ? format : `row ${row}`}: ${reason}`, { row }, error);
  }
  return { table, columns: columns.map(({ name, type }) => ({ name, type, sql: backquoted(name) })) };
};
