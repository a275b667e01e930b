import { Readable } from "node:stream";
import type { Artifacts } from "../../../infra/artifacts/port.ts";
import type { Warehouse } from "../../../infra/warehouse/open.ts";
import { type ParquetFooter, type ParquetNode, parquetFooter } from "../../../ml/datasets/parquet/schema.ts";
import { isMillraceError } from "../../../schemas/errors.ts";
import { decodingSeconds } from "./budget.ts";
import { checkNames } from "./names.ts";
import { nestedRows } from "./parquet-nested.ts";
import { invalid, isMalformed, readRefusal } from "./refusal.ts";
import { nestedTable, type Staged, smallBlocks, stagingEngine, turnedTable } from "./staged.ts";
import { type StoredColumn, typedValues } from "./typed-values.ts";
import { insertBytes, insertRows, select, statement } from "./warehouse-calls.ts";

type Engines = { warehouse: Warehouse; artifacts: Artifacts };

const MAX_FOOTER_BYTES = 16 << 20;
const MAGIC = Buffer.from("PAR1");
/** Behind the description: its length and the magic. */
const END_BYTES = 8;

/** What the engine reads as it is stored: it refuses dates that it has no type for, and makes dates of times. */
const asStored = ["date", "time", "timestamp", "null", "text"] as const;

type File = Engines & { digest: string; table: string; footer: ParquetFooter; rowsEnd: number; names: string[] };

/**
 * A Parquet file. The warehouse reads the columns that are not nested, and lists none of which is missing, under names
 * of ours: those of a file may be alike, or mean something to it. Another nested column is a text of JSON.
 */
export const stageParquet = async (engines: Engines, digest: string, table: string): Promise<Staged> => {
  const { warehouse } = engines;
  const { footer, rowsEnd } = await footerOf(engines.artifacts, digest);
  if (footer.rows === 0) throw invalid("the file has no rows");
  const names = footer.columns.map(({ name }, i) => (name === "" ? `Unnamed: ${i}` : name));
  checkNames(names, "columns");
  const file = { ...engines, digest, table, footer, rowsEnd, names };
  const lists = await wholeLists(file);
  const types = footer.columns.map((column, i) => {
    if (lists.has(i)) return listType(column);
    return isFlat(column) ? storedType(column) : null;
  });
  if (types.some((type) => type !== null)) await stageColumns(file, table, types, footer.renamed(asStored));
  const nested = types.flatMap((type, i) => (type === null ? [i] : []));
  if (nested.length > 0) await stageNested(file, nested);
  const source = await joined(warehouse, table, nested.length < types.length, nested.length > 0);
  const stored = footer.columns.map((column, i) =>
    storedColumn(column, { name: names[i], sql: `c${i}`, type: types[i] }),
  );
  return { table: source, columns: await typedValues(warehouse, source, stored) };
};

const isFlat = ({ children, repetition }: ParquetNode): boolean => children.length === 0 && repetition !== "repeated";

/** A list of three levels of values that need no second look; arrays with a dot in their names are others' parts. */
const isPlainList = ({ name, meaning, repetition, children: [group] }: ParquetNode): boolean => {
  if (meaning.kind !== "list" || repetition === "repeated" || name.includes(".")) return false;
  if (group?.repetition !== "repeated" || group.children.length !== 1) return false;
  const [item] = group.children;
  const isPlain = item.meaning.kind === "plain" || item.meaning.kind === "integer";
  return isFlat(item) && isPlain && item.type !== "int96" && item.type !== "bytes" && item.type !== "fixed";
};

const listType = ({ children: [group] }: ParquetNode): string => `Array(${storedType(group.children[0])})`;

/** The columns of lists of which none is missing: to the warehouse a missing one is empty. */
const wholeLists = async (file: File): Promise<ReadonlySet<number>> => {
  const { warehouse, footer, table } = file;
  const lists = footer.columns.flatMap((column, i) => (isPlainList(column) ? [i] : []));
  const asked = lists.filter((i) => footer.columns[i].repetition === "optional");
  if (asked.length === 0) return new Set(lists);
  const turned = turnedTable(table);
  const types = footer.columns.map((column, i) =>
    asked.includes(i) ? `Array(Tuple(l Tuple(e ${storedType(column.children[0].children[0])})))` : null,
  );
  try {
    await stageColumns(file, turned, types, footer.renamed(asStored, new Set(asked)));
  } catch (error) {
    // The engine does not read every file that way: its lists are read by us.
    if (!isMillraceError(error, "INVALID_DATASET")) throw error;
    return new Set(lists.filter((i) => !asked.includes(i)));
  }
  const counts = asked.map((i) => `countIf(empty(c${i})) AS c${i}`).join(", ");
  const [missing] = await select<Record<string, number>>(warehouse, `SELECT ${counts} FROM ${turned}`);
  await statement(warehouse, `DROP TABLE ${turned} SYNC`);
  return new Set(lists.filter((i) => Number(missing[`c${i}`] ?? 0) === 0));
};

/** Reads the columns that have a type into a table. */
const stageColumns = async (file: File, table: string, types: readonly (string | null)[], footer: Buffer) => {
  const { warehouse, artifacts, digest, rowsEnd, names } = file;
  const declared = types.flatMap((type, i) => (type === null ? [] : [`c${i} ${type}`])).join(", ");
  await statement(warehouse, `CREATE TABLE ${table} (${declared}) ${stagingEngine}`);
  const bytes = Readable.from(withFooter(await artifacts.get(digest), rowsEnd, footer), { objectMode: false });
  await insertFile(warehouse, table, bytes, rowsEnd, names);
};

/** The end of a stream, in little more memory than what is asked for, and how long it is. */
const tailOf = async (file: Readable, bytes: number): Promise<{ tail: Buffer; size: number }> => {
  let tail: Buffer = Buffer.alloc(0);
  let pending: Buffer[] = [];
  let held = 0;
  let size = 0;
  for await (const chunk of file as AsyncIterable<Buffer>) {
    pending.push(chunk);
    held += chunk.length;
    size += chunk.length;
    if (held < bytes) continue;
    tail = Buffer.concat([tail, ...pending]).subarray(-bytes);
    pending = [];
    held = 0;
  }
  return { tail: Buffer.concat([tail, ...pending]).subarray(-bytes), size };
};

/** `rowsEnd`: where the description begins. */
type Found = { footer: ParquetFooter; rowsEnd: number };

const footerOf = async (artifacts: Artifacts, digest: string): Promise<Found> => {
  const { tail, size } = await tailOf(await artifacts.get(digest), MAX_FOOTER_BYTES);
  const length = tail.length < 12 ? 0 : tail.readUInt32LE(tail.length - END_BYTES);
  const magic = tail.subarray(-MAGIC.length).toString("latin1");
  if (magic === "PARE") throw invalid("the Parquet file is encrypted; write it without encryption");
  if (magic !== "PAR1" || length === 0) {
    throw invalid("the file does not end as a Parquet file does: is it whole, and is it Parquet?");
  }
  if (length + END_BYTES > tail.length) {
    throw invalid("the description of the Parquet file is longer than the file, or than 16 MiB");
  }
  try {
    const footer = parquetFooter(tail.subarray(-END_BYTES - length, -END_BYTES));
    return { footer, rowsEnd: size - END_BYTES - length };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw invalid(`not parquet: the description of the file is damaged: ${error.message}`, {}, error);
  }
};

/** The file with another description at its end. */
async function* withFooter(file: Readable, rowsEnd: number, footer: Buffer): AsyncGenerator<Buffer> {
  let left = rowsEnd;
  for await (const chunk of file as AsyncIterable<Buffer>) {
    if (left > 0) yield chunk.subarray(0, left);
    left -= chunk.length;
  }
  const length = Buffer.alloc(4);
  length.writeUInt32LE(footer.length);
  yield Buffer.concat([footer, length, MAGIC]);
}

const insertFile = async (
  warehouse: Warehouse,
  table: string,
  file: Readable,
  size: number,
  names: readonly string[],
) => {
  const query =
    `INSERT INTO ${table} SETTINGS input_format_parquet_preserve_order = 1, input_format_parquet_allow_geoparquet_parser = 0, ` +
    `${smallBlocks} FORMAT Parquet`;
  try {
    await insertBytes(warehouse, query, file, decodingSeconds(size));
  } catch (error) {
    if (!isMalformed(error)) throw error;
    const { row, reason } = readRefusal(error.message);
    const column = names[Number(/\bcolumn:? c(\d+)\b/.exec(error.message)?.[1] ?? Number.NaN)] ?? null;
    const place = [row === null ? [] : `row ${row}`, column === null ? [] : `column "${column}"`].flat().join(", ");
    throw invalid(`${place === "" ? "parquet" : place}: ${reason}`, { row, column }, error);
  }
};

const stageNested = async ({ warehouse, artifacts, digest, table }: File, columns: readonly number[]) => {
  const types = columns.map((i) => `c${i} Nullable(String)`).join(", ");
  await statement(warehouse, `CREATE TABLE ${nestedTable(table)} (${types}) ${stagingEngine}`);
  await insertRows(warehouse, nestedTable(table), nestedRows(artifacts, digest, columns));
};

/** Both have the rows of the file in its order. */
const joined = async (warehouse: Warehouse, table: string, isFlat: boolean, isNested: boolean): Promise<string> => {
  if (!isNested) return table;
  const nested = nestedTable(table);
  if (!isFlat) return nested;
  const [{ same }] = await select<{ same: number }>(
    warehouse,
    `SELECT (SELECT count() FROM ${table}) = (SELECT count() FROM ${nested}) AS same`,
  );
  if (Number(same) === 0) throw invalid("not parquet: its columns have different numbers of rows");
  return `(SELECT * FROM (SELECT * FROM ${table}) AS flat PASTE JOIN (SELECT * FROM ${nested}) AS nested)`;
};

const LARGEST_FIXED = 256;

const storedType = (column: ParquetNode): string => `Nullable(${bareType(column)})`;

const bareType = ({ type, meaning, length }: ParquetNode): string => {
  if (meaning.kind === "decimal") return `Decimal(${meaning.precision}, ${meaning.scale})`;
  if (meaning.kind === "uuid") return "UUID";
  if (meaning.kind === "float16") return "Float32";
  if (type === "int32" || type === "int64") {
    if (meaning.kind === "integer") return `${meaning.isSigned ? "Int" : "UInt"}${meaning.bits}`;
    return type === "int32" ? "Int32" : "Int64";
  }
  if (type === "boolean") return "Bool";
  if (type === "int96") return "FixedString(12)";
  if (type === "float") return "Float32";
  if (type === "double") return "Float64";
  return type === "fixed" && length > 0 && length <= LARGEST_FIXED ? `FixedString(${length})` : "String";
};

type Column = { name: string; sql: string; type: string | null };

const storedColumn = (node: ParquetNode, { name, sql, type }: Column): StoredColumn => {
  const { meaning } = node;
  if (!isFlat(node)) return { name, sql, kind: "plain", type: type ?? "Nullable(String)" };
  if (meaning.kind === "date" || meaning.kind === "null" || meaning.kind === "text") {
    return { name, sql, kind: meaning.kind };
  }
  if (node.type === "int96") return { name, sql, kind: "int96" };
  if (meaning.kind === "timestamp" || meaning.kind === "time") {
    return { name, sql, kind: meaning.kind, digits: meaning.digits };
  }
  return { name, sql, kind: "plain", type: storedType(node) };
};
