import { randomBytes } from "node:crypto";
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import type { Transform } from "node:stream";
import { buffer } from "node:stream/consumers";
import { type ReplyCoding, replyCoder } from "./compression/reply-coding.ts";
import type { EngineResult } from "./engine.ts";
import { fromEngine, type HttpException } from "./exception.ts";

/** Of the rows that the engine counted, those that the statement wrote. */
export type Written = "all" | "nothing" | "unknown";

export type ReplyOptions = { format: string; coding: ReplyCoding; wrote: Written; redact(message: string): string };

/** A smaller answer goes out whole, with its length and what was read for it. */
const wholeBytes = 65_536;

const silentMs = 60_000;

const coded = (coding: ReplyCoding, body: Buffer): Promise<Buffer> | Buffer => {
  const coder = replyCoder(coding);
  return coder === null ? body : buffer(coder.end(body));
};

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
  try {
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
  } catch (error) {
    // Below it is told why the rows ended, if the engine says so.
    const failed = await settled.then(
      () => false,
      () => true,
    );
    if (!failed) throw error;
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
  const bytes = await coded(options.coding, body);
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
  const counts = { rows: String(result.rowsRead), bytes: String(result.bytesRead) };
  const summary = { ...countsOf(options.wrote, counts), elapsed_ns: String(Math.round(result.elapsedMs * 1e6)) };
  response.setHeader("X-ClickHouse-Summary", JSON.stringify(summary));
  headersOf(response, options);
  if (length !== null) response.setHeader("Content-Length", length);
};

/** The engine tells what came out of a query, and what an insert of rows took; what is not known is left out. */
const countsOf = (wrote: Written, { rows, bytes }: { rows: string; bytes: string }): Record<string, string> => {
  if (wrote === "unknown") return {};
  if (wrote === "nothing") return { written_rows: "0", written_bytes: "0", result_rows: rows, result_bytes: bytes };
  return {
    read_rows: rows,
    read_bytes: bytes,
    written_rows: rows,
    written_bytes: bytes,
    result_rows: "0",
    result_bytes: "0",
  };
};

const headersOf = (response: ServerResponse, { format, coding }: ReplyOptions): void => {
  response.setHeader("X-ClickHouse-Format", format);
  response.setHeader("X-ClickHouse-Server-Display-Name", "millrace");
  response.setHeader("X-ClickHouse-Timezone", "UTC");
  response.setHeader("Content-Type", contentType(format));
  if (coding !== "none" && coding !== "blocks") response.setHeader("Content-Encoding", coding);
};

const startStream = (response: ServerResponse, options: ReplyOptions) => {
  const tag = randomBytes(8).toString("hex");
  response.setHeader("X-ClickHouse-Exception-Tag", tag);
  headersOf(response, options);
  const coder = replyCoder(options.coding);
  coder?.pipe(response);
  const out = coder ?? response;
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
      if (coder === null) response.write("", () => response.destroy());
      else flushed(coder, () => response.write("", () => response.destroy()));
    },
  };
};

/** Calls back when what was written to the coder has left it. */
const flushed = (coder: Transform, done: () => void): void => {
  if ("flush" in coder && typeof coder.flush === "function") (coder.flush as (done: () => void) => void)(done);
  else coder.write("", done);
};

/** A client that takes nothing for `silentMs` is left: its statement holds a place of the lane. */
const drained = async (out: Transform | ServerResponse, response: ServerResponse): Promise<void> => {
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
