import type { Artifacts } from "../../../infra/artifacts/port.ts";
import type { Warehouse } from "../../../infra/warehouse/open.ts";
import type { DatasetColumn } from "../../../schemas/lifecycle/dataset.ts";
import { checkNames } from "./names.ts";
import { invalid, isMalformed, readRefusal } from "./refusal.ts";
import { type Staged, smallBlocks, stagingEngine } from "./staged.ts";
import { insertBytes, select, statement } from "./warehouse-calls.ts";

/** The rows of a query are kept in the format that loses nothing of their types, and whose bytes only the rows decide. */
export const queryFormat = "RowBinaryWithNamesAndTypes";

const HEAD_BYTES = 1 << 20;

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

/** Names and types as they stand before the rows. */
const describe = async (
  { warehouse, artifacts }: { warehouse: Warehouse; artifacts: Artifacts },
  digest: string,
): Promise<DatasetColumn[]> => {
  const head = await headOf(artifacts, digest);
  try {
    return await select<DatasetColumn>(
      warehouse,
      `DESCRIBE TABLE format(${queryFormat}, unhex('${head.toString("hex")}'))`,
      { max_query_size: head.length * 2 + 10_000 },
    );
  } catch (error) {
    if (isMalformed(error)) throw invalid(`not rows of a query: ${readRefusal(error.message).reason}`, {}, error);
    throw error;
  }
};

/** What has no value but NULL, or no element, has no type; no table can hold that. */
const withoutNothing = (type: string): string => type.replace(/\bNothing\b/g, "String");

/** Columns of arrays whose names begin alike before a dot are one table within the table to the engine. */
const checkDots = (columns: readonly DatasetColumn[]): void => {
  const seen = new Map<string, string>();
  for (const { name, type } of columns) {
    const prefix = /^([^.]+)\./.exec(name)?.[1];
    if (prefix === undefined || !type.startsWith("Array(")) continue;
    const before = seen.get(prefix);
    if (before !== undefined) {
      throw invalid(`column "${name}": arrays named "${before}" and "${name}" need names without a dot`, {
        column: name,
      });
    }
    seen.set(prefix, name);
  }
};

/** The rows of a query, with the names and types that it gave them. */
export const stageQuery = async (
  engines: { warehouse: Warehouse; artifacts: Artifacts },
  digest: string,
  table: string,
): Promise<Staged> => {
  const { warehouse, artifacts } = engines;
  const columns = (await describe(engines, digest)).map(({ name, type }) => ({ name, type: withoutNothing(type) }));
  checkNames(
    columns.map(({ name }) => name),
    "columns",
  );
  checkDots(columns);
  const declared = columns.map(({ type }, i) => `c${i} ${type}`).join(", ");
  await statement(warehouse, `CREATE TABLE ${table} (${declared}) ${stagingEngine}`);
  const query =
    `INSERT INTO ${table} SETTINGS input_format_with_names_use_header = 0, input_format_with_types_use_header = 0, ` +
    `${smallBlocks} FORMAT ${queryFormat}`;
  try {
    await insertBytes(warehouse, query, await artifacts.get(digest));
  } catch (error) {
    if (!isMalformed(error)) throw error;
    const { row, reason } = readRefusal(error.message);
    throw invalid(`${row === null ? "query" : `row ${row}`}: ${reason}`, { row }, error);
  }
  return { table, columns: columns.map(({ name, type }, i) => ({ name, type, sql: `c${i}` })) };
};
