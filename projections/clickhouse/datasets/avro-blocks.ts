import type { Readable } from "node:stream";
import { promisify } from "node:util";
import { inflateRaw, zstdDecompress } from "node:zlib";
import { parseSchema } from "../../../schemas/avro-limits.ts";
import { isMillraceError } from "../../../schemas/errors.ts";
import { type ByteSource, byteSource, longBytes } from "./byte-source.ts";
import { invalid } from "./refusal.ts";

/** Bytes of the schema and whatever else stands before the rows. */
const MAX_HEADER_BYTES = 2 << 20;
const MAX_BLOCK_BYTES = 64 << 20;
const MAX_META = 1_000;
const SYNC_BYTES = 16;
/** What a byte of deflate can stand for at most (RFC 1951: a match of 258 bytes takes two bits). */
const MOST_DEFLATED = 1032;

/**
 * Reads a file of Avro's object containers from block to block and looks what each asks for before the warehouse does:
 * that one decompresses a block as a whole, believes what it announces, and does not count this memory. INVALID_DATASET
 * for a schema beyond `avroLimits`, an unknown codec, and a block that is larger than 64 MiB or not what it says.
 */
export const checkAvroBlocks = async (file: Readable): Promise<void> => {
  const source = byteSource(file);
  try {
    const { codec, sync } = await readHeader(source);
    for (let block = 1; ; block++) {
      await source.hold(2 * longBytes);
      if (source.isAtEnd()) return;
      await checkBlock(source, codec, sync, block);
    }
  } finally {
    file.destroy();
  }
};

type Codec = keyof typeof decodedBytes;

const readHeader = async (source: ByteSource): Promise<{ codec: Codec; sync: Buffer }> => {
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
  checkSchema(meta.get("avro.schema"));
  const codec = meta.get("avro.codec") ?? "null";
  if (!Object.hasOwn(decodedBytes, codec)) {
    const known = Object.keys(decodedBytes).join(", ");
    throw invalid(`not avro: the codec is ${codec.slice(0, 40)}; write the file with one of ${known}`);
  }
  await source.hold(SYNC_BYTES);
  return { codec: codec as Codec, sync: Buffer.from(source.take(SYNC_BYTES)) };
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

const checkSchema = (schema: string | undefined): void => {
  if (schema === undefined) throw invalid("not avro: the file names no schema");
  try {
    parseSchema(schema);
  } catch (error) {
    if (!isMillraceError(error, "INVALID_SCHEMA")) throw error;
    throw invalid(`the schema of the file: ${error.message}`, {}, error);
  }
};

const checkBlock = async (source: ByteSource, codec: Codec, sync: Buffer, block: number): Promise<void> => {
  const refuse = (why: string) => invalid(`block ${block}: ${why}`, { block });
  const rows = source.long();
  const size = source.long();
  if (rows < 0 || size < 0) throw refuse("it has fewer rows or bytes than none: is the file whole?");
  if (size > MAX_BLOCK_BYTES) throw refuse(`${size} bytes, at most ${MAX_BLOCK_BYTES} are allowed`);
  await source.hold(size + SYNC_BYTES);
  const bytes = source.take(size);
  const decoded = await decodedBytes[codec](bytes).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ERR_BUFFER_TOO_LARGE") return Number.POSITIVE_INFINITY;
    throw invalid(`block ${block}: it is no ${codec}`, { block }, error);
  });
  if (decoded > MAX_BLOCK_BYTES) {
    throw refuse(`${size} bytes of ${codec} stand for more than ${MAX_BLOCK_BYTES}: write the file in smaller blocks`);
  }
  if (rows > decoded) throw refuse(`${rows} rows are announced in ${decoded} bytes`);
  if (!source.take(SYNC_BYTES).equals(sync)) throw refuse("the mark at its end is missing: is the file whole?");
};

const inflate = promisify(inflateRaw);
const unzstd = promisify(zstdDecompress);
const limit = { maxOutputLength: MAX_BLOCK_BYTES };

/** How many bytes a block stands for, or at most stands for where that is little enough. */
const decodedBytes = {
  null: async (bytes: Buffer): Promise<number> => bytes.length,
  deflate: async (bytes: Buffer): Promise<number> => {
    const most = bytes.length * MOST_DEFLATED;
    return most <= MAX_BLOCK_BYTES ? most : (await inflate(bytes, limit)).length;
  },
  /** Says itself how many, in its first bytes; the warehouse makes room for them. */
  snappy: async (bytes: Buffer): Promise<number> => {
    let length = 0;
    for (let i = 0, factor = 1; i < 5 && i < bytes.length; i++, factor *= 128) {
      length += (bytes[i] & 127) * factor;
      if (bytes[i] < 128) break;
    }
    return length;
  },
  zstandard: async (bytes: Buffer): Promise<number> => (await unzstd(bytes, limit)).length,
};
