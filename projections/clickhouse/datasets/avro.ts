import type { Artifacts } from "../../../infra/artifacts/port.ts";
import type { Warehouse } from "../../../infra/warehouse/open.ts";
import { type RowBinaryWriter, rowBinaryWriter } from "../../../infra/warehouse/row-binary.ts";
import { AvroDataError, type Cursor } from "../../../ml/datasets/avro/cursor.ts";
import { type AvroType, avroType } from "../../../ml/datasets/avro/schema.ts";
import { avroLimits } from "../../../schemas/avro-limits.ts";
import { type AvroFile, openAvro } from "./avro-blocks.ts";
import { type AvroColumn, avroColumn } from "./avro-columns.ts";
import { checkNames } from "./names.ts";
import { invalid } from "./refusal.ts";
import { type Staged, stagingEngine } from "./staged.ts";
import { textColumns } from "./text-columns.ts";
import { typedValues } from "./typed-values.ts";
import { insertRows, statement } from "./warehouse-calls.ts";

const FLUSH_BYTES = 1 << 16;

/** A file of Avro's object containers, whose rows are records. A nested column is a text of JSON. */
export const stageAvro = async (
  { warehouse, artifacts }: { warehouse: Warehouse; artifacts: Artifacts },
  digest: string,
  table: string,
): Promise<Staged> => {
  const bytes = await artifacts.get(digest);
  try {
    const file = await openAvro(bytes);
    const columns = columnsOf(file.schema);
    const names = columns.map(({ name }) => name);
    checkNames(names, "columns");
    const declared = columns.map(({ stored }, i) => `c${i} Nullable(${stored})`).join(", ");
    await statement(warehouse, `CREATE TABLE ${table} (${declared}) ${stagingEngine}`);
    await insertRows(warehouse, table, encodedRows(file, columns));
    return { table, columns: await converted(warehouse, table, columns) };
  } finally {
    bytes.destroy();
  }
};

const columnsOf = (schema: unknown): AvroColumn[] => {
  let type: AvroType;
  try {
    type = avroType(schema);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw invalid(`the schema of the file: ${error.message}`, {}, error);
  }
  if (type.kind !== "record") throw invalid(`the schema of the file: its rows are of type ${type.kind}, not records`);
  return type.fields.map(({ name, type: fieldType }) => avroColumn(name, fieldType));
};

/** Numbers of several types are looked at as texts are. */
const converted = async (warehouse: Warehouse, table: string, columns: readonly AvroColumn[]) => {
  const all: Staged["columns"] = [];
  for (const [i, column] of columns.entries()) {
    const { name, meaning } = column;
    const sql = `c${i}`;
    const found =
      meaning.kind === "numbers"
        ? await textColumns(warehouse, table, [{ name, text: sql, isExact: true }])
        : await typedValues(warehouse, table, [{ name, sql, ...meaning }]);
    all.push(...found);
  }
  return all;
};

/** The rows as ClickHouse's RowBinary. INVALID_DATASET naming row and column for bytes that are no record. */
async function* encodedRows(file: AvroFile, columns: readonly AvroColumn[]): AsyncGenerator<Buffer> {
  const writer = rowBinaryWriter();
  let row = 0;
  for await (const { bytes, rows, block } of file.blocks()) {
    const cursor: Cursor = { bytes, pos: 0, end: bytes.length, items: 0, depth: 0 };
    for (let i = 0; i < rows; i++) {
      readRow(cursor, columns, writer, ++row);
      if (writer.length < FLUSH_BYTES) continue;
      yield Buffer.from(writer.bytes());
      writer.reset();
    }
    if (cursor.pos !== cursor.end) {
      throw invalid(`block ${block}: ${cursor.end - cursor.pos} bytes are behind its last row`, { block });
    }
  }
  if (writer.length > 0) yield writer.bytes();
}

const readRow = (cursor: Cursor, columns: readonly AvroColumn[], writer: RowBinaryWriter, row: number): void => {
  let column = 0;
  cursor.items = avroLimits.values;
  cursor.depth = 0;
  try {
    for (; column < columns.length; column++) columns[column].read(cursor, writer);
  } catch (error) {
    if (!(error instanceof AvroDataError)) throw error;
    const { name } = columns[column];
    throw invalid(`row ${row}, column "${name}": ${error.message}`, { row, column: name });
  }
};
