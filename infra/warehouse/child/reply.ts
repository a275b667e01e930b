import { randomBytes } from "node:crypto";
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { promisify } from "node:util";
import { createGzip, type Gzip, gzip } from "node:zlib";
import type { EngineResult } from "./engine.ts";
import { fromEngine, type HttpException } from "./exception.ts";

export type ReplyOptions = { format: string; gzip: boolean; wrote: boolean; redact(message: string): string };

/** A smaller answer goes out whole, with its length and what was read for it. */
const wholeBytes = 65_536;

const silentMs = 60_000;

const zip = promisify<Buffer, { level: number }, Buffer>(gzip);

/**
 * Answers rows while they come. What is small, or fails before so much has come, is answered whole with its true
 * status; of what fails later the answer is broken off behind the exception, as ClickHouse does since 25.11.
 */
export const replyRows = async (
  response: ServerResponse,
  rows: AsyncIterable<Buffer>,
  settled: Promise<EngineResult>,
  options: ReplyOptions,
): Promise<void> => {
  const first: Buffer[] = [];
  let size = 0;
  let streaming: ReturnType<typeof startStream> | null = null;
  for await (const chunk of rows) {
    if (streaming !== null) {
      await streaming.write(chunk);
      continue;
    }
    first.push(chunk);
    size += chunk.length;
    if (size < wholeBytes) continue;
    streaming = startStream(response, options);
    await streaming.write(Buffer.concat(first, size));
  }
  try {
    const result = await settled;
    if (streaming === null) await replyWhole(response, Buffer.concat(first, size), result, options);
    else streaming.end();
  } catch (error) {
    if (streaming === null) throw error;
    streaming.breakOff(fromEngine(error));
  }
};

export const replyWhole = async (
  response: ServerResponse,
  body: Buffer,
  result: EngineResult,
  options: ReplyOptions,
): Promise<void> => {
  const bytes = options.gzip ? await zip(body, { level: 3 }) : body;
  startReply(response, result, options, bytes.length);
  response.end(bytes);
};

/** The headers of an answer that is known to be whole; `length` is null where nobody knows it. */
export const startReply = (
  response: ServerResponse,
  result: EngineResult,
  options: ReplyOptions,
  length: number | null,
): void => {
  const read = { read_rows: String(result.rowsRead), read_bytes: String(result.bytesRead) };
  const written = {
    written_rows: options.wrote ? read.read_rows : "0",
    written_bytes: options.wrote ? read.read_bytes : "0",
  };
  const summary = { ...read, ...written, elapsed_ns: String(Math.round(result.elapsedMs * 1e6)) };
  response.setHeader("X-ClickHouse-Summary", JSON.stringify(summary));
  headersOf(response, options);
  if (length !== null) response.setHeader("Content-Length", length);
};

const headersOf = (response: ServerResponse, { format, gzip: zipped }: ReplyOptions): void => {
  response.setHeader("X-ClickHouse-Format", format);
  response.setHeader("X-ClickHouse-Server-Display-Name", "millrace");
  response.setHeader("X-ClickHouse-Timezone", "UTC");
  response.setHeader("Content-Type", contentType(format));
  if (zipped) response.setHeader("Content-Encoding", "gzip");
};

const startStream = (response: ServerResponse, options: ReplyOptions) => {
  const tag = randomBytes(8).toString("hex");
  response.setHeader("X-ClickHouse-Exception-Tag", tag);
  headersOf(response, options);
  const zipped: Gzip | null = options.gzip ? createGzip({ level: 3 }) : null;
  zipped?.pipe(response);
  const out = zipped ?? response;
  return {
    async write(chunk: Buffer): Promise<void> {
      if (response.destroyed) return;
      if (!out.write(chunk)) await drained(out, response);
    },
    end(): void {
      out.end();
    },
    breakOff(error: HttpException): void {
      const message = options.redact(error.message);
      const length = Buffer.byteLength(message) + 1;
      out.write(`\r\n__exception__\r\n${tag}\r\n${message}\n${length} ${tag}\r\n__exception__\r\n`);
      // Without the end of a whole answer: clients that do not know the mark see that it is not whole.
      if (zipped === null) response.write("", () => response.destroy());
      else zipped.flush(() => response.write("", () => response.destroy()));
    },
  };
};

/** A client that takes nothing for `silentMs` is left: its statement holds a place of the lane. */
const drained = async (out: Gzip | ServerResponse, response: ServerResponse): Promise<void> => {
  const late = setTimeout(() => response.destroy(), silentMs);
  const done = new AbortController();
  try {
    await Promise.race([once(out, "drain", done), once(response, "close", done)]);
  } finally {
    clearTimeout(late);
    done.abort();
  }
};

const contentType = (format: string): string => {
  if (/^(JSON|JSONCompact|JSONStrings|JSONColumns.*)$/.test(format)) return "application/json; charset=UTF-8";
  if (/^JSON.*EachRow/.test(format)) return "application/x-ndjson; charset=UTF-8";
  if (/^CSV/.test(format)) return "text/csv; charset=UTF-8; header=absent";
  if (/^(TabSeparated|TSV)/.test(format)) return "text/tab-separated-values; charset=UTF-8";
  if (/^(Pretty|Vertical|Values|Markdown|SQLInsert)/.test(format)) return "text/plain; charset=UTF-8";
  return "application/octet-stream";
};
