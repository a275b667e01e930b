import type { Readable } from "node:stream";
import type { Artifacts } from "../../../infra/artifacts/port.ts";
import type { Warehouse } from "../../../infra/warehouse/open.ts";
import { rowBinaryWriter } from "../../../infra/warehouse/row-binary.ts";
import { checkJson, type JsonField, JsonFieldError, jsonFields, jsonText } from "../../../ml/datasets/json-fields.ts";
import { JsonRowError, jsonRows } from "../../../ml/datasets/json-rows.ts";
import { asUtf8, NoTextError } from "../../../ml/datasets/text-bytes.ts";
import { checkNames } from "./names.ts";
import { invalid } from "./refusal.ts";
import { type Staged, stagingEngine } from "./staged.ts";
import { textColumns } from "./text-columns.ts";
import { insertRows, statement } from "./warehouse-calls.ts";

/** An object is in memory several times over while it is read. */
const MAX_ROW_BYTES = 16 << 20;

/** The names of a file's fields are held at once. */
const MOST_NAMES = 20_000;

/** What the values of a field are; `json` where they are of several kinds, or nested. */
type Kind = "none" | "text" | "number" | "boolean" | "json";

/** Objects one after the other, or in one array. Which columns there are and of which types, all rows together say. */
export const stageJson = async (
  { warehouse, artifacts }: { warehouse: Warehouse; artifacts: Artifacts },
  digest: string,
  table: string,
): Promise<Staged> => {
  const kinds = await kindsOf(await artifacts.get(digest));
  const names = [...kinds.keys()];
  if (names.length === 0) throw invalid("no row has a field");
  checkNames(names, "fields");
  const columns = names.map((_, i) => `c${i} Nullable(String)`).join(", ");
  await statement(warehouse, `CREATE TABLE ${table} (${columns}) ${stagingEngine}`);
  await insertRows(warehouse, table, encodedRows(await artifacts.get(digest), kinds));
  const texts = names.map((name, i) => ({ name, text: `c${i}`, isExact: true }));
  const typed = await textColumns(
    warehouse,
    table,
    texts.filter(({ name }) => kinds.get(name) === "text" || kinds.get(name) === "number"),
  );
  const byName = new Map(typed.map((column) => [column.name, column]));
  return {
    table,
    columns: texts.map(({ name, text }) => columnOf(name, kinds.get(name) as Kind, text, byName.get(name))),
  };
};

/** A text of JSON is a number only if the file says so; dates and times have no other form there. */
const columnOf = (name: string, kind: Kind, text: string, typed: Staged["columns"][number] | undefined) => {
  if (kind === "boolean") return { name, type: "Nullable(Bool)", sql: `CAST(${text} = 'true' AS Nullable(Bool))` };
  const isKept = typed !== undefined && /Date/.test(typed.type) === (kind === "text");
  return isKept ? typed : { name, type: "Nullable(String)", sql: text };
};

const kindsOf = async (file: Readable): Promise<Map<string, Kind>> => {
  const kinds = new Map<string, Kind>();
  for await (const rows of objects(file, true)) {
    for (const fields of rows) {
      for (const { key, raw } of fields) {
        const kind = kindOf(raw);
        const before = kinds.get(key) ?? "none";
        if (before === "none") kinds.set(key, kind);
        else if (kind !== "none" && kind !== before) kinds.set(key, "json");
      }
    }
    if (kinds.size > MOST_NAMES) checkNames([...kinds.keys()], "fields");
  }
  return kinds;
};

const kindOf = (raw: string): Kind => {
  const first = raw[0];
  if (first === '"') return "text";
  if (first === "{" || first === "[") return "json";
  if (first === "t" || first === "f") return "boolean";
  return first === "n" ? "none" : "number";
};

/** The rows as ClickHouse's RowBinary: a text for each field, JSON where its kind says so. */
async function* encodedRows(file: Readable, kinds: ReadonlyMap<string, Kind>): AsyncGenerator<Buffer> {
  const writer = rowBinaryWriter();
  const columns = new Map([...kinds.keys()].map((name, i) => [name, i]));
  const isText = [...kinds.values()].map((kind) => kind === "text");
  const found = new Array<JsonField | null>(columns.size);
  for await (const rows of objects(file, false)) {
    for (const fields of rows) {
      found.fill(null);
      for (const field of fields) found[columns.get(field.key) as number] = field;
      for (let i = 0; i < found.length; i++) {
        const field = found[i];
        if (field === null || field.raw === "null") writer.u8(1);
        else {
          writer.u8(0);
          writer.string(isText[i] ? jsonText(field) : field.raw);
        }
      }
    }
    yield Buffer.from(writer.bytes());
    writer.reset();
  }
}

/**
 * The fields of the objects of a file, chunk by chunk. INVALID_DATASET naming the row, its line and the field; whether
 * the objects are JSON needs to be checked once.
 */
async function* objects(file: Readable, isChecked: boolean): AsyncGenerator<JsonField[][]> {
  const reader = jsonRows();
  let row = 1;
  let rows: JsonField[][] = [];
  const read = (bytes: Buffer): void => {
    const text = bytes.toString("utf8");
    if (isChecked) checkJson(text);
    const fields = jsonFields(text);
    for (const field of isChecked ? fields : []) if (kindOf(field.raw) === "text") jsonText(field);
    rows.push(fields);
    row++;
  };
  try {
    for await (const chunk of asUtf8(file)) {
      rows = [];
      reader.push(chunk, read);
      if (reader.openBytes() > MAX_ROW_BYTES) throw new JsonRowError(`it is longer than ${MAX_ROW_BYTES} bytes`);
      if (rows.length > 0) yield rows;
    }
    reader.end();
  } catch (error) {
    const isWrong = error instanceof JsonRowError || error instanceof NoTextError || error instanceof JsonFieldError;
    if (!isWrong) throw error;
    const line = reader.line();
    const column = error instanceof JsonFieldError ? error.column : null;
    const place = `row ${row} (line ${line})${column === null ? "" : `, column "${column}"`}`;
    const reason = error instanceof JsonFieldError ? `not valid JSON: ${error.message}` : error.message;
    throw invalid(`${place}: ${reason.slice(0, 300)}`, { row, line, column }, error);
  } finally {
    file.destroy();
  }
}
