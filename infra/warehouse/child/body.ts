import { createWriteStream } from "node:fs";
import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from "node:zlib";
import { decodeBlocks } from "./compression/blocks.ts";
import { decodeLz4Frames } from "./compression/lz4-frame.ts";
import { exception, HttpException } from "./exception.ts";

/** How the bytes of a body become those of its statement or rows. */
export type BodyCoding = {
  encoding: string;
  /** `decompress=1`: they are blocks of ClickHouse's own. */
  blocks: boolean;
};

const streams: Readonly<Record<string, () => NodeJS.ReadWriteStream>> = {
  gzip: createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
  zstd: createZstdDecompress,
};

const decoded = (body: Readable, { encoding, blocks }: BodyCoding): AsyncIterable<Buffer> => {
  const plain = unencoded(body, encoding);
  return blocks ? decodeBlocks(plain) : plain;
};

const unencoded = (body: Readable, encoding: string): AsyncIterable<Buffer> => {
  if (encoding === "" || encoding === "identity") return body;
  if (encoding === "lz4") return decodeLz4Frames(body);
  const stream = streams[encoding]?.() as (Readable & NodeJS.WritableStream) | undefined;
  if (stream === undefined) {
    const known = ["lz4", ...Object.keys(streams)].join(", ");
    throw exception(501, 48, "NOT_IMPLEMENTED", `Content-Encoding ${encoding} is not supported here: use ${known}`);
  }
  // What goes wrong on the way is thrown to whoever reads.
  pipeline(body, stream).catch(() => undefined);
  return stream;
};

/** A body that is not what it says, or is cut off, is the caller's fault. */
async function* guarded(body: Readable, coding: BodyCoding): AsyncGenerator<Buffer> {
  try {
    yield* decoded(body, coding);
  } catch (error) {
    if (error instanceof HttpException) throw error;
    throw exception(400, 354, "ZLIB_INFLATE_FAILED", `The body cannot be read: ${(error as Error).message}`);
  }
}

/** The body has come: from now on the statement's own deadline counts. */
const received = (request: IncomingMessage): void => void request.setTimeout(0);

/** The whole body in memory: text of a statement, rows at most as large as `limit` bytes, decoded. */
export const readBody = async (request: IncomingMessage, coding: BodyCoding, limit: number): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of guarded(request, coding)) {
    size += chunk.length;
    if (size > limit) throw tooLarge(limit);
    chunks.push(chunk);
  }
  received(request);
  return Buffer.concat(chunks, size);
};

/** Writes the body to a file, in constant memory; answers its size in bytes, decoded. */
export const spoolBody = async (
  request: IncomingMessage,
  coding: BodyCoding,
  file: string,
  limit: number,
): Promise<number> => {
  let size = 0;
  const counted = async function* (): AsyncGenerator<Buffer> {
    for await (const chunk of guarded(request, coding)) {
      size += chunk.length;
      if (size > limit) throw tooLarge(limit);
      yield chunk;
    }
  };
  await pipeline(Readable.from(counted(), { objectMode: false }), createWriteStream(file, { highWaterMark: 1 << 20 }));
  received(request);
  return size;
};

const tooLarge = (limit: number) =>
  exception(413, 307, "TOO_MANY_BYTES", `The body is larger than ${limit} bytes: send it in parts`);
