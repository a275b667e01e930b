import type { Readable } from "node:stream";
import { promisify } from "node:util";
import { crc32, inflateRaw, zstdDecompress } from "node:zlib";
import { snappyUncompress } from "hyparquet";
import { parseSchema } from "../../../schemas/avro-limits.ts";
import { isMillraceError } from "../../../schemas/errors.ts";
import { type ByteSource, byteSource, longBytes } from "./byte-source.ts";
import { invalid } from "./refusal.ts";

/** Bytes of the schema and whatever else stands before the rows. */
const MAX_HEADER_BYTES = 2 << 20;
const MAX_BLOCK_BYTES = 64 << 20;
const MAX_META = 1_000;
const SYNC_BYTES = 16;

/** Rows one after the other, decompressed; valid until the next block is asked for. */
export type AvroBlock = { bytes: Buffer; rows: number; block: number };

/** What an Avro file says of itself, and its blocks; they can be read once. */
export type AvroFile = { schema: unknown; blocks(): AsyncGenerator<AvroBlock> };

/**
 * Reads a file of Avro's object containers from block to block and looks what each asks for before anything is made of
 * it. INVALID_DATASET for a schema beyond `avroLimits`, an unknown codec, and a block that is larger than 64 MiB or not
 * what it says.
 */
export const openAvro = async (file: Readable): Promise<AvroFile> => {
  const source = byteSource(file);
  const { schema, codec, sync } = await readHeader(source);
  return {
    schema,
    async *blocks() {
      for (let block = 1; ; block++) {
        await source.hold(2 * longBytes);
        if (source.isAtEnd()) return;
        yield await readBlock(source, codec, sync, block);
      }
    },
  };
};

type Codec = keyof typeof decoders;

const readHeader = async (source: ByteSource): Promise<{ schema: unknown; codec: Codec; sync: Buffer }> => {
  await source.hold(4);
  const magic = source.take(4);
  if (magic.toString("latin1") !== "Obj\x01") throw invalid("not avro: the file does not begin as an Avro file does");
  const meta = new Map<string, string>();
  for (let left = await countOf(source); left !== 0; left = await countOf(source)) {
    for (; left > 0; left--) {
      const key = await text(source);
      meta.set(key, await text(source));
      if (meta.size > MAX_META || source.position() > MAX_HEADER_BYTES) throw tooLong();
    }
  }
  const schema = schemaOf(meta.get("avro.schema"));
  const codec = meta.get("avro.codec") ?? "null";
  if (!Object.hasOwn(decoders, codec)) {
    const known = Object.keys(decoders).join(", ");
    throw invalid(`not avro: the codec is ${codec.slice(0, 40)}; write the file with one of ${known}`);
  }
  await source.hold(SYNC_BYTES);
  return { schema, codec: codec as Codec, sync: Buffer.from(source.take(SYNC_BYTES)) };
};

/** Entries of the next block of metadata; a negative number is followed by their bytes. */
const countOf = async (source: ByteSource): Promise<number> => {
  await source.hold(2 * longBytes);
  const count = source.long();
  if (count < 0) source.long();
  if (Math.abs(count) > MAX_META) throw tooLong();
  return Math.abs(count);
};

const tooLong = () =>
  invalid(`not avro: its schema and metadata have more than ${MAX_HEADER_BYTES} bytes or ${MAX_META} entries`);

const text = async (source: ByteSource): Promise<string> => {
  await source.hold(longBytes);
  const length = source.long();
  if (length < 0 || length > MAX_HEADER_BYTES) throw tooLong();
  await source.hold(length);
  return source.take(length).toString("utf8");
};

const schemaOf = (schema: string | undefined): unknown => {
  if (schema === undefined) throw invalid("not avro: the file names no schema");
  try {
    return parseSchema(schema);
  } catch (error) {
    if (!isMillraceError(error, "INVALID_SCHEMA")) throw error;
    throw invalid(`the schema of the file: ${error.message}`, {}, error);
  }
};

const readBlock = async (source: ByteSource, codec: Codec, sync: Buffer, block: number): Promise<AvroBlock> => {
  const refuse = (why: string, cause?: unknown) => invalid(`block ${block}: ${why}`, { block }, cause);
  const rows = source.long();
  const size = source.long();
  if (rows < 0 || size < 0) throw refuse("it has fewer rows or bytes than none: is the file whole?");
  if (size > MAX_BLOCK_BYTES) throw refuse(`${size} bytes, at most ${MAX_BLOCK_BYTES} are allowed`);
  await source.hold(size + SYNC_BYTES);
  const packed = source.take(size);
  const bytes = await decoders[codec](packed).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ERR_BUFFER_TOO_LARGE") throw refuse(`it is no ${codec}`, error);
    throw refuse(`${size} bytes of ${codec} stand for more than ${MAX_BLOCK_BYTES}: write the file in smaller blocks`);
  });
  if (rows > bytes.length) throw refuse(`${rows} rows are announced in ${bytes.length} bytes`);
  if (!source.take(SYNC_BYTES).equals(sync)) throw refuse("the mark at its end is missing: is the file whole?");
  return { bytes, rows, block };
};

const inflate = promisify(inflateRaw);
const unzstd = promisify(zstdDecompress);
const limit = { maxOutputLength: MAX_BLOCK_BYTES };

const tooLarge = (): Error => Object.assign(new RangeError("too large"), { code: "ERR_BUFFER_TOO_LARGE" });

const CHECKSUM_BYTES = 4;

const decoders = {
  null: async (bytes: Buffer): Promise<Buffer> => bytes,
  deflate: async (bytes: Buffer): Promise<Buffer> => inflate(bytes, limit),
  /** Says its size in its first bytes; the checksum of what it stands for is behind it. */
  snappy: async (bytes: Buffer): Promise<Buffer> => {
    let size = 0;
    for (let i = 0, factor = 1; i < 5 && i < bytes.length; i++, factor *= 128) {
      size += (bytes[i] & 127) * factor;
      if (bytes[i] < 128) break;
    }
    if (size > MAX_BLOCK_BYTES) throw tooLarge();
    const output = Buffer.alloc(size);
    snappyUncompress(bytes.subarray(0, -CHECKSUM_BYTES), output);
    if (crc32(output) !== bytes.readUInt32BE(bytes.length - CHECKSUM_BYTES))
      throw new RangeError("its checksum is another");
    return output;
  },
  zstandard: async (bytes: Buffer): Promise<Buffer> => unzstd(bytes, limit),
};
