import { once } from "node:events";
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from "node:zlib";
import {
  asyncBufferFromFile,
  type FileMetaData,
  parquetMetadataAsync,
  parquetRead,
  type SchemaElement,
} from "hyparquet";
import { endWithParent } from "../../../infra/end-with-parent.ts";
import { rowBinaryWriter } from "../../../infra/warehouse/row-binary.ts";
import { lz4Block } from "../../../ml/datasets/parquet/lz4.ts";
import { childName, nestedJson } from "../../../ml/datasets/parquet/nested-json.ts";
import { type ParquetNode, parquetFooter } from "../../../ml/datasets/parquet/schema.ts";

/**
 * The process that reads the nested columns of a stranger's Parquet file: `FILE COLUMNS`, numbers of columns with
 * commas between. It writes whole rows of RowBinary to standard output, a text of JSON that may be missing for each
 * column, and before each part how long it is; what it refuses it writes to standard error.
 */
endWithParent();

const MAX_PAGE_BYTES = 256 << 20;
const FLUSH_BYTES = 1 << 18;
/** Values of a column that are in memory at once, with their levels. */
const MAX_VALUES = 50_000_000;

const unpack =
  (decode: (input: Uint8Array, maxOutputLength: number) => Uint8Array) => (input: Uint8Array, length: number) => {
    if (length > MAX_PAGE_BYTES) throw new RangeError(`a page has ${length} bytes, at most ${MAX_PAGE_BYTES}`);
    return decode(input, Math.max(length, 1));
  };

const compressors = {
  GZIP: unpack((input, maxOutputLength) => gunzipSync(input, { maxOutputLength })),
  BROTLI: unpack((input, maxOutputLength) => brotliDecompressSync(input, { maxOutputLength })),
  ZSTD: unpack((input, maxOutputLength) => zstdDecompressSync(input, { maxOutputLength })),
  LZ4_RAW: unpack(lz4Block),
};

/**
 * Takes the annotations out, so that values come as they are stored, and gives every element a name that cannot be
 * mistaken, in the schema and in the paths of the columns.
 */
const plain = (metadata: FileMetaData): FileMetaData => {
  const paths: string[][] = [];
  const schema: SchemaElement[] = [];
  const visit = (at: number, path: string[]): number => {
    const { type, type_length, repetition_type, num_children } = metadata.schema[at];
    schema.push({ type, type_length, repetition_type, num_children, name: path.at(-1) ?? "root" });
    let after = at + 1;
    for (let i = 0; i < (num_children ?? 0); i++) {
      after = visit(after, [...path, path.length === 0 ? `c${i}` : childName(i)]);
    }
    if (!num_children) paths.push(path);
    return after;
  };
  visit(0, []);
  const row_groups = metadata.row_groups.map((group) => ({
    ...group,
    columns: group.columns.map((column, i) => ({
      ...column,
      meta_data: column.meta_data && { ...column.meta_data, path_in_schema: paths[i] },
    })),
  }));
  return { ...metadata, schema, row_groups, key_value_metadata: [] };
};

type Source = Awaited<ReturnType<typeof asyncBufferFromFile>>;

/** The file's own description of itself, as this project reads it. */
const nodesOf = async (file: Source): Promise<ParquetNode[]> => {
  const end = Buffer.from(await file.slice(file.byteLength - 8, file.byteLength));
  const from = file.byteLength - 8 - end.readUInt32LE(0);
  return parquetFooter(Buffer.from(await file.slice(from, file.byteLength - 8))).columns;
};

/** Of what it says of itself: a few bytes may stand for any number of values. */
const checkSize = ({ columns }: FileMetaData["row_groups"][number], nodes: readonly ParquetNode[]): void => {
  for (const { meta_data } of columns) {
    const values = Number(meta_data?.num_values ?? 0);
    const [key, ...inner] = meta_data?.path_in_schema ?? [];
    if (values <= MAX_VALUES || key === undefined || inner.length === 0) continue;
    const { name } = nodes[Number(key.slice(1))];
    throw new RangeError(
      `column "${name}" has ${values} values in a row group, at most ${MAX_VALUES}: write smaller row groups`,
    );
  }
};

const run = async (path: string, indexes: readonly number[]): Promise<void> => {
  const file = await asyncBufferFromFile(path);
  const nodes = await nodesOf(file);
  const metadata = plain(await parquetMetadataAsync(file, { geoparquet: false }));
  const columns = indexes.map((i) => ({ key: `c${i}`, name: nodes[i].name, write: nestedJson(nodes[i]) }));
  const writer = rowBinaryWriter();
  let row = 0;
  const writeRow = (values: readonly unknown[]): void => {
    row++;
    for (const [i, { name, write }] of columns.entries()) {
      const value = values[i];
      if (value === null || value === undefined) {
        writer.u8(1);
        continue;
      }
      try {
        writer.u8(0);
        writer.string(write(value));
      } catch (error) {
        throw new RangeError(`row ${row}, column "${name}": ${(error as Error).message}`);
      }
    }
  };
  const flush = async (): Promise<void> => {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(writer.length);
    const isTaken = process.stdout.write(Buffer.concat([length, writer.bytes()]));
    writer.reset();
    if (!isTaken) await once(process.stdout, "drain");
  };
  for (const group of metadata.row_groups) {
    checkSize(group, nodes);
    let rows: unknown[][] = [];
    await parquetRead({
      file,
      metadata: { ...metadata, row_groups: [group], num_rows: group.num_rows },
      columns: columns.map(({ key }) => key),
      utf8: false,
      compressors,
      parsers: { timestampFromNanoseconds: (nanoseconds) => nanoseconds },
      onComplete: (read) => {
        rows = read;
      },
    });
    for (const values of rows) {
      writeRow(values);
      if (writer.length > FLUSH_BYTES) await flush();
    }
  }
  await flush();
};

const [path, indexes] = process.argv.slice(2);
run(path, indexes.split(",").map(Number)).catch((error: Error) => {
  process.stderr.write(error.message);
  process.exitCode = /^(Invalid (array|string|typed array) length|Array buffer allocation)/.test(error.message) ? 2 : 1;
});
