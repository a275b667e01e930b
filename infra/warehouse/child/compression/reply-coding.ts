import type { Transform } from "node:stream";
import { Transform as TransformStream } from "node:stream";
import { constants, createBrotliCompress, createDeflate, createGzip, createZstdCompress } from "node:zlib";
import { encodeBlocks } from "./blocks.ts";

/** How an answer is compressed: by HTTP's codings, in blocks of ClickHouse's own, or not. */
export type ReplyCoding = (typeof codings)[number] | "blocks" | "none";

/** The first that the client takes. */
const codings = ["gzip", "zstd", "deflate", "br"] as const;

/** As `compress=1` (blocks) or `enable_http_compression=1` with Accept-Encoding ask for it. */
export const replyCoding = (fields: URLSearchParams, accepted: string): ReplyCoding => {
  if (fields.get("compress") === "1") return "blocks";
  if (fields.get("enable_http_compression") !== "1") return "none";
  const taken: string[] = accepted.toLowerCase().match(/[a-z]+(?!\s*;\s*q=0(?:\.0*)?(?:,|$))/g) ?? [];
  return codings.find((coding) => taken.includes(coding)) ?? "none";
};

/** A stream that compresses what is written to it; null where nothing is to be done. */
export const replyCoder = (coding: ReplyCoding): Transform | null => {
  if (coding === "gzip") return createGzip({ level: 3 });
  if (coding === "deflate") return createDeflate({ level: 3 });
  if (coding === "zstd") return createZstdCompress();
  if (coding === "br") return createBrotliCompress({ params: { [constants.BROTLI_PARAM_QUALITY]: 3 } });
  if (coding === "none") return null;
  return new TransformStream({
    transform(chunk: Buffer, _, done) {
      done(null, encodeBlocks(chunk));
    },
  });
};
