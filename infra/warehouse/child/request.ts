import { createWriteStream } from "node:fs";
import type { IncomingMessage } from "node:http";
import { pipeline, Readable } from "node:stream";
import { pipeline as finished } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { foreignLanes, laneHeader } from "../guests.ts";
import { exception } from "./exception.ts";

/** What a request asks, without its body. */
export type QueryRequest = {
  query: string;
  queryId: string | null;
  database: string | null;
  /** null leaves it to the statement. */
  format: string | null;
  user: string | null;
  password: string | null;
  gzipResponse: boolean;
  readonly: boolean;
  /** The answer goes out when it is whole, with the true status. */
  waitForEnd: boolean;
  /** Where the platform asks for somebody else. */
  foreignLane: (typeof foreignLanes)[number] | null;
  settings: Map<string, string>;
  parameters: Map<string, string>;
};

/** Parameters of the URL that steer the HTTP interface and mean nothing to the engine. */
const httpOnly = new Set([
  "buffer_size",
  "cancel_http_readonly_queries_on_client_close",
  "client_protocol_version",
  "compress",
  "decompress",
  "enable_http_compression",
  "http_headers_progress_interval_ms",
  "quota_key",
  "role",
  "send_progress_in_http_headers",
  "session_check",
  // Every statement stands alone.
  "session_id",
  "session_timeout",
  "stacktrace",
  "wait_end_of_query",
]);

/** Reads the URL and the headers, as ClickHouse's HTTP interface names them. */
export const readRequest = (request: IncomingMessage, url: URL): QueryRequest => {
  const [basicUser, basicPassword] = basicAuth(request.headers.authorization);
  const header = (name: string): string | null => {
    const value = request.headers[name];
    return typeof value === "string" ? value : null;
  };
  const result: QueryRequest = {
    query: "",
    queryId: null,
    database: header("x-clickhouse-database"),
    format: header("x-clickhouse-format"),
    user: header("x-clickhouse-user") ?? basicUser,
    password: header("x-clickhouse-key") ?? basicPassword,
    gzipResponse:
      url.searchParams.get("enable_http_compression") === "1" && /\bgzip\b/.test(header("accept-encoding") ?? ""),
    readonly: request.method === "GET",
    waitForEnd: ["1", "true"].includes(url.searchParams.get("wait_end_of_query") ?? ""),
    foreignLane: foreignLanes.find((lane) => lane === header(laneHeader)) ?? null,
    settings: new Map(),
    parameters: new Map(),
  };
  for (const [name, value] of url.searchParams) {
    if (name.startsWith("param_")) result.parameters.set(name.slice(6), value);
    else if (name === "query") result.query = value;
    else if (name === "query_id") result.queryId = value;
    else if (name === "database") result.database = value;
    else if (name === "default_format") result.format = value;
    else if (name === "user") result.user = value;
    else if (name === "password") result.password = value;
    else if (!httpOnly.has(name)) result.settings.set(name, value);
  }
  if (result.database === "") result.database = null;
  if (result.format !== null && !/^\w+$/.test(result.format)) {
    throw exception(400, 73, "UNKNOWN_FORMAT", "Unknown format");
  }
  return result;
};

const basicAuth = (header: string | undefined): [string | null, string | null] => {
  if (header === undefined || !/^basic /i.test(header)) return [null, null];
  const text = Buffer.from(header.slice(6), "base64").toString();
  const colon = text.indexOf(":");
  return colon < 0 ? [text, ""] : [text.slice(0, colon), text.slice(colon + 1)];
};

const bodyOf = (request: IncomingMessage): Readable => {
  const encoding = request.headers["content-encoding"];
  if (encoding === undefined || encoding === "identity") return request;
  if (encoding === "gzip") return pipeline(request, createGunzip(), () => undefined);
  throw exception(501, 48, "NOT_IMPLEMENTED", `Content-Encoding ${encoding} is not supported here: use gzip`);
};

/** The body has come: from now on the statement's own deadline counts. */
const received = (request: IncomingMessage): void => void request.setTimeout(0);

/** The whole body in memory: text of a statement, rows at most as large as `limit` bytes. */
export const readBody = async (request: IncomingMessage, limit: number): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of guarded(bodyOf(request))) {
    size += (chunk as Buffer).length;
    if (size > limit) throw tooLarge(limit);
    chunks.push(chunk as Buffer);
  }
  received(request);
  return Buffer.concat(chunks, size);
};

/** Writes the body to a file, in constant memory; answers its size in bytes. */
export const spoolBody = async (request: IncomingMessage, file: string, limit: number): Promise<number> => {
  let size = 0;
  await finished(
    guarded(bodyOf(request)),
    async function* (source: AsyncIterable<Buffer>) {
      for await (const chunk of source) {
        size += chunk.length;
        if (size > limit) throw tooLarge(limit);
        yield chunk;
      }
    },
    createWriteStream(file, { highWaterMark: 1 << 20 }),
  );
  received(request);
  return size;
};

/** A body that is not gzip, or is cut off, is the caller's fault. */
const guarded = (body: Readable): Readable =>
  Readable.from(
    (async function* () {
      try {
        yield* body;
      } catch (error) {
        throw exception(400, 354, "ZLIB_INFLATE_FAILED", `The body cannot be read: ${(error as Error).message}`);
      }
    })(),
    { objectMode: false },
  );

const tooLarge = (limit: number) =>
  exception(413, 307, "TOO_MANY_BYTES", `The body is larger than ${limit} bytes: send it in parts`);
