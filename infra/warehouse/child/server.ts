import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { loopbackHosts, refusedOrigin } from "../../web-origin.ts";
import { type AnswerContext, answer } from "./answer.ts";
import { exception, fromEngine, HttpException } from "./exception.ts";
import { readRequest } from "./request.ts";
import { runningQueries } from "./running.ts";
import { openSessions, type Sessions } from "./sessions.ts";
import { authenticate, type Passwords } from "./users.ts";

export type ServerOptions = Omit<AnswerContext, "running"> & { passwords: Passwords; allowedHosts: readonly string[] };

type Serving = ServerOptions & AnswerContext & { sessions: Sessions };

/** An URL may have 1 MiB, as ClickHouse's `http_max_uri_size` says; the rest is for the other headers. */
const mostHeaderBytes = (1 << 20) + (64 << 10);
const authenticationFailed = 516;
/** A body of which nothing comes for so long is given up. */
const bodySilentMs = 120_000;
/** What a header can carry, and a person reads. */
const plainId = /^[\x21-\x7e]{1,200}$/;

/** The subset of ClickHouse's HTTP interface that clients, curl and BI tools use. */
export const warehouseServer = (options: ServerOptions): Server => {
  const serving: Serving = { ...options, running: runningQueries(), sessions: openSessions() };
  const server = createServer({ maxHeaderSize: mostHeaderBytes }, (request, response) => {
    const known = [...loopbackHosts(request.socket.localPort ?? 0), ...options.allowedHosts];
    const refused = refusedOrigin(request.headers, known);
    if (refused !== null) {
      response.writeHead(403, { Connection: "close" }).end(`${refused}\n`);
      return;
    }
    const url = URL.parse(request.url ?? "/", "http://warehouse");
    if (url === null) {
      response.writeHead(400).end();
      return;
    }
    if (request.method !== "GET" && request.method !== "POST") {
      response.writeHead(405).end();
      return;
    }
    if (url.pathname === "/ping" || url.pathname === "/replicas_status") {
      response.end("Ok.\n");
      return;
    }
    if (url.pathname !== "/" || (url.search === "" && request.method === "GET")) {
      response.writeHead(url.pathname === "/" ? 200 : 404).end(url.pathname === "/" ? "Ok.\n" : "There is no handle\n");
      return;
    }
    serve(serving, request, response, url).catch((error: unknown) => fail(options, request, response, error));
  });
  // Rows may take long to come in, and a statement long to answer; idle connections close after the clients'.
  server.requestTimeout = 0;
  server.keepAliveTimeout = 30_000;
  return server;
};

const serve = async (options: Serving, request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> => {
  const asked = readRequest(request, url);
  const client = authenticate(asked.user, asked.password, options.passwords);
  const queryId = asked.queryId || randomUUID();
  if (!plainId.test(queryId)) {
    throw exception(
      400,
      36,
      "BAD_ARGUMENTS",
      "query_id: expected 1 to 200 printable characters of ASCII, without spaces",
    );
  }
  response.setHeader("X-ClickHouse-Query-Id", queryId);
  const session = asked.session === null ? null : options.sessions.of(client, asked.session);
  for (const [name, value] of session?.settings ?? []) {
    if (!asked.settings.has(name)) asked.settings.set(name, value);
  }
  asked.database ??= session?.database ?? null;
  const ending = new AbortController();
  response.once("close", () => {
    if (!response.writableFinished) ending.abort();
  });
  request.setTimeout(bodySilentMs, () => request.destroy());
  const run = options.running.begin(queryId, client, (reason) => ending.abort(reason));
  try {
    await answer(options, { asked, client, request, response, signal: ending.signal, session, before: [] });
  } catch (error) {
    const { reason } = ending.signal;
    throw reason instanceof HttpException ? reason : error;
  } finally {
    run.end();
  }
};

const fail = (options: ServerOptions, request: IncomingMessage, response: ServerResponse, error: unknown): void => {
  const failure = fromEngine(error);
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  // What is left of the body must be read before the connection serves the next request, but not a stranger's.
  if (failure.code === authenticationFailed || failure.status === 413) response.setHeader("Connection", "close");
  else request.resume();
  response.setHeader("X-ClickHouse-Exception-Code", String(failure.code));
  response.setHeader("Content-Type", "text/plain; charset=UTF-8");
  if (failure.status === 503) response.setHeader("Retry-After", "1");
  response.writeHead(failure.status).end(`${options.redact(failure.message)} (version millrace)\n`);
};
