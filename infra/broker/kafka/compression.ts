import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { MillraceError } from "../../../schemas/errors.ts";
import type { Codec } from "./url.ts";

/** Codecs by their number in a batch's attributes. */
const byNumber = ["none", "gzip", "snappy", "lz4", "zstd"] as const;

export const codecNumber = (codec: Codec): number => byNumber.indexOf(codec);

export const compress = (codec: Codec, bytes: Buffer): Buffer =>
  codec === "gzip" ? gzipSync(bytes, { level: 1 }) : codec === "zstd" ? zstdCompressSync(bytes) : bytes;

/**
 * Bytes of one batch, decompressed: twice the largest record that a topic may have. A producer counts its batch before
 * it compresses it, so what is larger was made to be.
 */
export const MOST_BATCH_BYTES = 128 << 20;

/** ENGINE_REFUSED for a codec that is not read, for more than `MOST_BATCH_BYTES`, and for bytes that are damaged. */
export const decompress = (number: number, bytes: Buffer, topic: string): Buffer => {
  const codec = byNumber[number];
  if (codec === "none") return bytes;
  try {
    if (codec === "gzip") return gunzipSync(bytes, { maxOutputLength: MOST_BATCH_BYTES });
    if (codec === "zstd") return zstdDecompressSync(bytes, { maxOutputLength: MOST_BATCH_BYTES });
  } catch (cause) {
    const isLarge = (cause as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE";
    const why = isLarge ? `has more than ${MOST_BATCH_BYTES} bytes, decompressed` : `is no ${codec}`;
    throw new MillraceError(
      "ENGINE_REFUSED",
      `a batch of ${bytes.length} bytes in topic "${topic}" ${why}: ` +
        "its producer is broken or hostile; stop it, and delete the topic's records up to the batch",
      { details: { topic, codec }, cause },
    );
  }
  throw new MillraceError(
    "ENGINE_REFUSED",
    `topic "${topic}" holds records compressed with ${codec ?? `codec ${number}`}, which is not read: ` +
      "set compression.type=zstd on the topic (for new records) or let its producers use gzip, zstd or none",
    { details: { topic, codec: codec ?? number } },
  );
};
