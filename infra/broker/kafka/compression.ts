import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { MillraceError } from "../../../schemas/errors.ts";
import type { Codec } from "./url.ts";

/** Codecs by their number in a batch's attributes. */
const byNumber = ["none", "gzip", "snappy", "lz4", "zstd"] as const;

export const codecNumber = (codec: Codec): number => byNumber.indexOf(codec);

export const compress = (codec: Codec, bytes: Buffer): Buffer =>
  codec === "gzip" ? gzipSync(bytes, { level: 1 }) : codec === "zstd" ? zstdCompressSync(bytes) : bytes;

/** ENGINE_REFUSED for a codec that is not read. */
export const decompress = (number: number, bytes: Buffer, topic: string): Buffer => {
  const codec = byNumber[number];
  if (codec === "none") return bytes;
  if (codec === "gzip") return gunzipSync(bytes);
  if (codec === "zstd") return zstdDecompressSync(bytes);
  throw new MillraceError(
    "ENGINE_REFUSED",
    `topic "${topic}" holds records compressed with ${codec ?? `codec ${number}`}, which is not read: ` +
      "set compression.type=zstd on the topic (for new records) or let its producers use gzip, zstd or none",
    { details: { topic, codec: codec ?? number } },
  );
};
