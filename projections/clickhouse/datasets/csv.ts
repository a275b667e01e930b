import { Readable } from "node:stream";
import type { Artifacts } from "../../../infra/artifacts/port.ts";
import type { Warehouse } from "../../../infra/warehouse/open.ts";
import { csvFields } from "../../../ml/datasets/csv-header.ts";
import { csvScan } from "../../../ml/datasets/csv-scan.ts";
import { checkNames } from "./names.ts";
import { invalid, isMalformed, readRefusal } from "./refusal.ts";
import { type Staged, smallBlocks, stagingEngine } from "./staged.ts";
import { textColumns } from "./text-columns.ts";
import { insertBytes, statement } from "./warehouse-calls.ts";

const MAX_HEADER_BYTES = 1 << 20;
/** A row is in memory several times over while it is read. */
const MAX_ROW_BYTES = 16 << 20;

/** The header's names: all that is read of the file. */
const headerOf = async (artifacts: Artifacts, digest: string): Promise<string[]> => {
  const scan = csvScan();
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of await artifacts.get(digest)) {
    scan.push(chunk);
    chunks.push(chunk);
    bytes += chunk.length;
    if (scan.headerBytes() !== null || bytes > MAX_HEADER_BYTES) break;
  }
  const end = scan.headerBytes() ?? bytes;
  if (end > MAX_HEADER_BYTES)
    throw invalid(`line 1: the header is longer than ${MAX_HEADER_BYTES} bytes; is this CSV?`);
  const names = csvFields(Buffer.concat(chunks).toString("utf8", 0, end));
  checkNames(names, "line 1");
  return names;
};

const lineOf = async (artifacts: Artifacts, digest: string, row: number): Promise<number | null> => {
  const scan = csvScan(row);
  for await (const chunk of await artifacts.get(digest)) {
    scan.push(chunk);
    if (scan.lineOfRow() !== null) break;
  }
  return scan.lineOfRow();
};

/** CSV with a header. Every value is taken as text first; which types the columns have, all rows together say. */
export const stageCsv = async (
  { warehouse, artifacts }: { warehouse: Warehouse; artifacts: Artifacts },
  digest: string,
  table: string,
): Promise<Staged> => {
  const names = await headerOf(artifacts, digest);
  const columns = names.map((_, i) => `c${i} Nullable(String)`).join(", ");
  await statement(warehouse, `CREATE TABLE ${table} (${columns}) ${stagingEngine}`);
  const scan = csvScan();
  const watched = Readable.from(watching(await artifacts.get(digest), scan), { objectMode: false });
  const query =
    `INSERT INTO ${table} SETTINGS input_format_csv_detect_header = 0, input_format_csv_skip_first_lines = ` +
    `${await headerLines(artifacts, digest)}, input_format_csv_skip_trailing_empty_lines = 1, ${smallBlocks} FORMAT CSV`;
  try {
    await insertBytes(warehouse, query, watched);
  } catch (error) {
    if (!isMalformed(error)) throw error;
    const { row, column, reason } = readRefusal(error.message);
    const line = row === null ? null : await lineOf(artifacts, digest, row + 1);
    const name = column === null ? null : (names[column] ?? null);
    const place = `row ${row ?? "?"}${line === null ? "" : ` (line ${line})`}${name === null ? "" : `, column "${name}"`}`;
    throw invalid(`${place}: ${reason}`, { row, line, column: name }, error);
  }
  const opened = scan.openedAt();
  if (opened !== null) {
    throw invalid(`line ${opened}: a quoted value begins there and never ends`, { line: opened });
  }
  return {
    table,
    columns: await textColumns(
      warehouse,
      table,
      names.map((name, i) => ({ name, text: `c${i}` })),
    ),
  };
};

async function* watching(bytes: Readable, scan: ReturnType<typeof csvScan>): AsyncGenerator<Buffer> {
  for await (const chunk of bytes) {
    scan.push(chunk);
    const open = scan.openRow();
    if (open.bytes > MAX_ROW_BYTES) {
      throw invalid(
        `row ${open.row - 1} (line ${open.line}) is longer than ${MAX_ROW_BYTES} bytes: is a quote not closed?`,
        { row: open.row - 1, line: open.line },
      );
    }
    yield chunk;
  }
}

/** A header may go over several lines. */
const headerLines = async (artifacts: Artifacts, digest: string): Promise<number> =>
  ((await lineOf(artifacts, digest, 2)) ?? 2) - 1;
