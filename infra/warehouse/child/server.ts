import { randomUUID } from "node:crypto";
import { unlink, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { join } from "node:path";
import { gzip } from "node:zlib";
import { loopbackHosts, refusedOrigin } from "../../web-origin.ts";
import type { Engine, EngineResult } from "./engine.ts";
import { exception, fromEngine } from "./exception.ts";
import { type QueryRequest, readBody, readRequest, spoolBody } from "./request.ts";
import { insertFromFile, isWrite, namedFormat, parseDataInsert } from "./statement.ts";

export type ServerOptions = {
  engine: Engine;
  /** Folder for rows on their way in. */
  incoming: string;
  /** User `default` must give it; null lets everyone in. */
  password: string | null;
};

const mostTextBytes = 64 << 20;
const mostDataBytes = 2 ** 30;

/** The subset of ClickHouse's HTTP interface that clients, curl and BI tools use. */
export const warehouseServer = (options: ServerOptions): Server => {
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://warehouse");
    if (request.method === "OPTIONS" || (request.method !== "GET" && request.method !== "POST")) {
      response.writeHead(405).end();
      return;
    }
    if (url.pathname === "/ping" || url.pathname === "/replicas_status") {
      response.end("Ok.\n");
      return;
    }
    const refusal = refusedOrigin(request.headers, loopbackHosts(request.socket.localPort ?? 0));
    if (refusal !== null) {
      response.writeHead(403).end(`${refusal}\n`);
      return;
    }
    if (url.pathname !== "/" || (url.search === "" && request.method === "GET")) {
      response.writeHead(url.pathname === "/" ? 200 : 404).end(url.pathname === "/" ? "Ok.\n" : "There is no handle\n");
      return;
    }
    answer(options, request, response, url).catch((error: unknown) => refuse(request, response, error));
  });
  // Rows may take long to come in, and a statement long to answer; idle connections close after the clients'.
  server.requestTimeout = 0;
  server.keepAliveTimeout = 30_000;
  return server;
};

const answer = async (
  options: ServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
): Promise<void> => {
  const asked = readRequest(request, url);
  authenticate(asked, options.password);
  response.setHeader("X-ClickHouse-Query-Id", asked.queryId ?? randomUUID());
  const insert = parseDataInsert(asked.query);
  if (insert !== null && insert.dataAt >= asked.query.trimEnd().length) {
    await withFile(options.incoming, async (file) => {
      const size = await spoolBody(request, file, mostDataBytes);
      const result = size === 0 ? nothing : await run(options, asked, insertFromFile(insert, file));
      await reply(response, asked, result, "TabSeparated", true);
    });
    return;
  }
  const body = await readBody(request, mostTextBytes);
  const inline = asked.query.trim() === "" ? parseDataInsert(body.toString("latin1", 0, 65536)) : null;
  if (inline !== null && inline.format.toLowerCase() !== "values") {
    await withFile(options.incoming, async (file) => {
      await writeFile(file, body.subarray(inline.dataAt));
      // Parsed again as UTF-8: names may hold more than latin1.
      const head = parseDataInsert(body.toString("utf8", 0, inline.dataAt)) ?? inline;
      await reply(response, asked, await run(options, asked, insertFromFile(head, file)), "TabSeparated", true);
    });
    return;
  }
  const text = [asked.query, body.toString()].filter((part) => part.trim() !== "").join("\n");
  if (text === "") throw exception(400, 62, "SYNTAX_ERROR", "Empty query");
  const format = namedFormat(text) ?? asked.format ?? "TabSeparated";
  await reply(response, asked, await run(options, asked, text), format, isWrite(text));
};

const nothing: EngineResult = { bytes: Buffer.alloc(0), rowsRead: 0, bytesRead: 0, elapsedMs: 0 };

const run = (options: ServerOptions, asked: QueryRequest, text: string): Promise<EngineResult> =>
  options.engine.run({
    text,
    database: asked.database,
    settings: asked.settings,
    parameters: asked.parameters,
    format: asked.format ?? "TabSeparated",
    readonly: asked.readonly,
    session: asked.session,
  });

let files = 0;
const withFile = async (folder: string, use: (file: string) => Promise<void>): Promise<void> => {
  const file = join(folder, `${++files}.rows`);
  try {
    await use(file);
  } finally {
    await unlink(file).catch(() => undefined);
  }
};

const authenticate = (asked: QueryRequest, password: string | null): void => {
  if (password === null) return;
  if ((asked.user ?? "default") === "default" && asked.password === password) return;
  throw exception(403, 516, "AUTHENTICATION_FAILED", `${asked.user ?? "default"}: Authentication failed`);
};

const reply = async (
  response: ServerResponse,
  asked: QueryRequest,
  result: EngineResult,
  format: string,
  wrote: boolean,
): Promise<void> => {
  const read = { read_rows: String(result.rowsRead), read_bytes: String(result.bytesRead) };
  const written = { written_rows: wrote ? read.read_rows : "0", written_bytes: wrote ? read.read_bytes : "0" };
  const summary = { ...read, ...written, elapsed_ns: String(Math.round(result.elapsedMs * 1e6)) };
  response.setHeader("X-ClickHouse-Summary", JSON.stringify(summary));
  response.setHeader("X-ClickHouse-Format", format);
  response.setHeader("X-ClickHouse-Server-Display-Name", "millrace");
  response.setHeader("X-ClickHouse-Timezone", "UTC");
  response.setHeader("Content-Type", contentType(format));
  let bytes = result.bytes;
  if (asked.gzipResponse) {
    response.setHeader("Content-Encoding", "gzip");
    bytes = await new Promise<Buffer>((resolve, reject) =>
      gzip(bytes, { level: 3 }, (error, zipped) => (error === null ? resolve(zipped) : reject(error))),
    );
  }
  response.setHeader("Content-Length", bytes.length);
  response.end(bytes);
};

const refuse = (request: IncomingMessage, response: ServerResponse, error: unknown): void => {
  const failure = fromEngine(error);
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  // What is left of the body must be read before the connection serves the next request.
  request.resume();
  response.setHeader("X-ClickHouse-Exception-Code", String(failure.code));
  response.setHeader("Content-Type", "text/plain; charset=UTF-8");
  if (failure.status === 503) response.setHeader("Retry-After", "1");
  response.writeHead(failure.status).end(`${failure.message} (version millrace)\n`);
};

const contentType = (format: string): string => {
  if (/^(JSON|JSONCompact|JSONStrings|JSONColumns.*)$/.test(format)) return "application/json; charset=UTF-8";
  if (/^JSON.*EachRow/.test(format)) return "application/x-ndjson; charset=UTF-8";
  if (/^CSV/.test(format)) return "text/csv; charset=UTF-8; header=absent";
  if (/^(TabSeparated|TSV)/.test(format)) return "text/tab-separated-values; charset=UTF-8";
  if (/^(Pretty|Vertical|Values|Markdown|SQLInsert)/.test(format)) return "text/plain; charset=UTF-8";
  return "application/octet-stream";
};
