import type { Artifacts } from "../../../infra/artifacts/port.ts";
import type { Warehouse } from "../../../infra/warehouse/open.ts";
import { jsonType } from "../../../ml/datasets/text-types.ts";
import { checkNames } from "./names.ts";
import { invalid, isMalformed, readRefusal } from "./refusal.ts";
import { quoted } from "./sql.ts";
import { type Staged, smallBlocks, stagingEngine } from "./staged.ts";
import { textColumns } from "./text-columns.ts";
import { insertBytes, select, statement } from "./warehouse-calls.ts";

type Key = { name: string; types: string[] };

/** Objects one after the other, or in one array. Which columns there are and of which types, all rows together say. */
export const stageJson = async (
  { warehouse, artifacts }: { warehouse: Warehouse; artifacts: Artifacts },
  digest: string,
  table: string,
): Promise<Staged> => {
  await statement(warehouse, `CREATE TABLE ${table} (json String) ${stagingEngine}`);
  const query = `INSERT INTO ${table} SETTINGS ${smallBlocks} FORMAT JSONAsString`;
  try {
    await insertBytes(warehouse, query, await artifacts.get(digest));
  } catch (error) {
    if (!isMalformed(error)) throw error;
    const { row, reason } = readRefusal(error.message);
    throw invalid(`row ${row ?? "?"}: ${reason}`, { row }, error);
  }
  await checkSyntax(warehouse, table);
  const keys = await select<Key>(
    warehouse,
    `SELECT kv.1 AS name, groupUniqArray(JSONType(kv.2)) AS types
    FROM (SELECT rowNumberInAllBlocks() AS row, JSONExtractKeysAndValuesRaw(json) AS kvs FROM ${table})
    ARRAY JOIN kvs AS kv, arrayEnumerate(kvs) AS i GROUP BY name ORDER BY min((row, i)) SETTINGS max_threads = 1`,
  );
  const names = keys.map(({ name }) => name);
  if (names.length === 0) throw invalid("no row has a field");
  checkNames(names, "fields");
  const texts = keys
    .filter(({ types }) => jsonType(types) === "text")
    .map(({ name }) => ({ name, text: textOf(name) }));
  const typed = new Map((await textColumns(warehouse, table, texts)).map((column) => [column.name, column]));
  return { table, columns: keys.map(({ name, types }) => columnOf(name, types, typed.get(name))) };
};

/** The first pass only pairs brackets. */
const checkSyntax = async (warehouse: Warehouse, table: string): Promise<void> => {
  const [{ row }] = await select<{ row: number }>(
    warehouse,
    `SELECT minIf(row, NOT isValidJSON(json)) AS row
    FROM (SELECT rowNumberInAllBlocks() + 1 AS row, json FROM ${table}) SETTINGS max_threads = 1`,
  );
  if (Number(row) > 0) throw invalid(`row ${row}: not valid JSON`, { row: Number(row) });
};

const rawOf = (name: string): string => {
  const raw = `JSONExtractRaw(json, ${quoted(name)})`;
  return `if(${raw} IN ('', 'null'), NULL, ${raw})`;
};

const textOf = (name: string): string => `JSONExtract(json, ${quoted(name)}, 'Nullable(String)')`;

/** A text of JSON is a number only if the file says so; dates and times have no other form there. */
const columnOf = (name: string, types: readonly string[], text: Staged["columns"][number] | undefined) => {
  const type = jsonType(types);
  if (type === "raw") return { name, type: "Nullable(String)", sql: rawOf(name) };
  if (type === "text") {
    return text !== undefined && /Date/.test(text.type) ? text : { name, type: "Nullable(String)", sql: textOf(name) };
  }
  return { name, type: `Nullable(${type})`, sql: `JSONExtract(json, ${quoted(name)}, 'Nullable(${type})')` };
};
