import type { Readable } from "node:stream";
import type { Artifacts } from "../../../infra/artifacts/port.ts";
import type { Warehouse } from "../../../infra/warehouse/open.ts";
import { rowBinaryWriter } from "../../../infra/warehouse/row-binary.ts";
import { type CsvDialect, csvDialect } from "../../../ml/datasets/csv-dialect.ts";
import { CsvQuoteError, type CsvReader, csvReader } from "../../../ml/datasets/csv-reader.ts";
import { asUtf8, NoTextError } from "../../../ml/datasets/text-bytes.ts";
import type { MillraceError } from "../../../schemas/errors.ts";
import { checkNames } from "./names.ts";
import { invalid } from "./refusal.ts";
import { type Staged, stagingEngine } from "./staged.ts";
import { textColumns } from "./text-columns.ts";
import { insertRows, statement } from "./warehouse-calls.ts";

const MAX_HEADER_BYTES = 1 << 20;
/** What shows how a file is written. */
const HEAD_BYTES = 1 << 16;
/** A row is in memory several times over while it is read. */
const MAX_ROW_BYTES = 16 << 20;

type Header = { dialect: CsvDialect; names: string[] };

/** CSV with a header. Every value is taken as text first; which types the columns have, all rows together say. */
export const stageCsv = async (
  { warehouse, artifacts }: { warehouse: Warehouse; artifacts: Artifacts },
  digest: string,
  table: string,
): Promise<Staged> => {
  const header = await headerOf(await artifacts.get(digest));
  const columns = header.names.map((_, i) => `c${i} Nullable(String)`).join(", ");
  await statement(warehouse, `CREATE TABLE ${table} (${columns}) ${stagingEngine}`);
  await insertRows(warehouse, table, encodedRows(await artifacts.get(digest), header));
  const texts = header.names.map((name, i) => ({ name, text: `c${i}` }));
  return { table, columns: await textColumns(warehouse, table, texts) };
};

/** Reads no more of the file than its first rows. */
const headerOf = async (file: Readable): Promise<Header> => {
  const { head, isWhole, wrong } = await headOf(file);
  const dialect = csvDialect(head, isWhole);
  const names: string[] = [];
  let hints = dialect.hints;
  let isRead = false;
  const reader = csvReader(dialect.separator, {
    value: (bytes, length) => {
      if (!isRead && hints === 0) names.push(bytes.toString("utf8", 0, length));
    },
    row: (_, isBlank) => {
      if (isRead) return;
      if (isBlank) names.length = 0;
      else if (hints > 0) hints--;
      else isRead = true;
    },
  });
  try {
    for (let at = 0; at < head.length && !isRead; at += HEAD_BYTES) reader.push(head.subarray(at, at + HEAD_BYTES));
    if (isWhole) reader.end();
  } catch (error) {
    if (!(error instanceof CsvQuoteError)) throw error;
    if (!isRead) throw headerRefusal(reader, error);
  }
  if (!isRead) {
    if (wrong !== null) throw headerRefusal(reader, wrong);
    if (isWhole) throw openQuote(reader) ?? invalid("the file has no rows");
    throw invalid(`line 1: the header is longer than ${MAX_HEADER_BYTES} bytes; is this CSV?`);
  }
  const named = names.map((name, i) => (name === "" ? `Unnamed: ${i}` : name));
  checkNames(named, "line 1");
  return { dialect, names: named };
};

const headOf = async (file: Readable): Promise<{ head: Buffer; isWhole: boolean; wrong: NoTextError | null }> => {
  let head: Buffer = Buffer.alloc(0);
  try {
    for await (const chunk of asUtf8(file)) {
      head = Buffer.concat([head, chunk]);
      const isEnough = head.length >= HEAD_BYTES && (head.includes("\n") || head.includes("\r"));
      if (isEnough || head.length > MAX_HEADER_BYTES) return { head, isWhole: false, wrong: null };
    }
    return { head, isWhole: true, wrong: null };
  } catch (error) {
    if (!(error instanceof NoTextError)) throw error;
    return { head, isWhole: false, wrong: error };
  } finally {
    file.destroy();
  }
};

const headerRefusal = (reader: CsvReader, { message }: Error): MillraceError => {
  const { line, column } = reader.place();
  return invalid(`line ${line}, column ${column + 1}: ${message}`, { line, column: column + 1 });
};

const openQuote = (reader: CsvReader): MillraceError | null => {
  const line = reader.openedAt();
  return line === null ? null : invalid(`line ${line}: a quoted value begins there and never ends`, { line });
};

/** The rows as ClickHouse's RowBinary, each value a text that may be missing: what is empty and not quoted. */
async function* encodedRows(file: Readable, { dialect, names }: Header): AsyncGenerator<Buffer> {
  const writer = rowBinaryWriter();
  let skipped = dialect.hints + 1;
  let row = 1;
  let rowBegin = 0;
  /** A line without a character is a missing value where there is one column, unless it is behind the last row. */
  let blanks = 0;
  const isLone = names.length === 1;
  const reader = csvReader(dialect.separator, {
    value: (bytes, length, isQuoted, column) => {
      if (skipped > 0) return;
      if (column === names.length)
        throw refusal(`the row has more values than the header has names, ${column}`, column - 1);
      const isMissing = length === 0 && !isQuoted;
      if (isLone && isMissing) {
        blanks++;
        return;
      }
      for (; blanks > 0; blanks--, row++) writer.u8(1);
      writer.u8(isMissing ? 1 : 0);
      if (!isMissing) writer.stringBytes(bytes, 0, length);
    },
    row: (columns, isBlank) => {
      if (isBlank) writer.truncate(rowBegin);
      else if (skipped > 0) skipped--;
      else if (columns < names.length) {
        throw refusal(`the row ends before it; it has ${columns} values, the header ${names.length} names`, columns);
      } else row++;
      rowBegin = writer.length;
    },
  });
  const refusal = (reason: string, column: number): MillraceError => {
    const { line } = reader.place();
    const name = names[column];
    const at = row + blanks;
    return invalid(`row ${at} (line ${line}), column "${name}": ${reason}`, { row: at, line, column: name });
  };
  try {
    for await (const chunk of asUtf8(file)) {
      reader.push(chunk);
      if (reader.rowBytes() > MAX_ROW_BYTES) {
        const { line } = reader.place();
        throw invalid(`row ${row} (line ${line}) is longer than ${MAX_ROW_BYTES} bytes: is a quote not closed?`, {
          row,
          line,
        });
      }
      if (rowBegin === 0) continue;
      const bytes = Buffer.from(writer.bytes());
      yield bytes.subarray(0, rowBegin);
      writer.reset();
      writer.raw(bytes, rowBegin, bytes.length);
      rowBegin = 0;
    }
    const open = openQuote(reader);
    if (open !== null) throw open;
    reader.end();
    if (writer.length > 0) yield writer.bytes();
  } catch (error) {
    if (error instanceof CsvQuoteError || error instanceof NoTextError) {
      throw refusal(error.message, Math.min(reader.place().column, names.length - 1));
    }
    throw error;
  } finally {
    file.destroy();
  }
}
