import { Agent, request } from "node:http";
import { Agent as TlsAgent, request as tlsRequest } from "node:https";
import { type ClickHouseClient, ClickHouseLogLevel, createClient } from "@clickhouse/client";
import { MillraceError } from "../../schemas/errors.ts";
import { clusterSettings, type Ddl, ddlOf } from "./ddl.ts";
import { isAway, RefusedError, warehouseFailed } from "./failures.ts";

/**
 * The warehouse: ClickHouse SQL over HTTP. Not wrapped: `client` is ClickHouse's own. What is here besides is the
 * one write that sinks need.
 */
export type Warehouse = {
  client: ClickHouseClient;
  /** How tables are made here: on one server, or on all of a cluster. */
  ddl: Ddl;
  /**
   * Creates the database of the URL where it is not there. WAREHOUSE_FAILED when the warehouse stays away,
   * ENGINE_REFUSED when it does not know the user or the password.
   */
  ensureDatabase(): Promise<void>;
  /**
   * Writes rows, all or none (on a cluster, all or none of each partition's), and at most once by token (for tables
   * with a deduplication window). `columns` is the comma-separated list in the order of the rows' fields. Waits and tries again while the warehouse is away;
   * WAREHOUSE_FAILED when it stays away or refuses.
   */
  insert(into: InsertTarget, body: Buffer, dedupeToken: string): Promise<void>;
  close(): Promise<void>;
};

export type WarehouseOptions = {
  /** The cluster, as the servers name it, that every table is on; empty or without it, one server. */
  cluster?: string;
  /** How long to try again while the warehouse is away. */
  retryForMs?: number;
  /** A request that the warehouse leaves without a sign of life for so long is given up. */
  silentMs?: number;
  signal?: AbortSignal;
};

/** How the rows of an insert are encoded (https://clickhouse.com/docs/interfaces/formats). */
export type RowFormat = "RowBinary" | "Native";

export type InsertTarget = { table: string; columns: string; format: RowFormat };

/** `http://user:password@host:port/database`. Nothing is asked before the first statement. */
export const openWarehouse = (url: string, options: WarehouseOptions = {}): Warehouse => {
  const parsed = new URL(url);
  const database = parsed.pathname.length > 1 ? decodeURIComponent(parsed.pathname.slice(1)) : "default";
  const base = `${parsed.protocol}//${parsed.host}`;
  const username = decodeURIComponent(parsed.username) || "default";
  const password = decodeURIComponent(parsed.password);
  const cluster = options.cluster || null;
  const ddl = ddlOf({ database, cluster });
  const { silentMs = 120_000 } = options;
  const client = createClient({
    url: base,
    username,
    password,
    database,
    request_timeout: silentMs,
    max_open_connections: 16,
    // Shorter than the server's, so that no request is sent into a connection that is being closed.
    keep_alive: { enabled: true, idle_socket_ttl: 2_500 },
    clickhouse_settings: {
      output_format_json_quote_64bit_integers: 0,
      // Times without a zone, those in parameters included, are UTC, whatever the zone of the server.
      session_timezone: "UTC",
      ...(cluster === null ? {} : clusterSettings),
    },
    // Failures are thrown; whoever meets them writes them down once.
    log: { level: ClickHouseLogLevel.OFF },
  });
  const headers = { "X-ClickHouse-User": username, "X-ClickHouse-Key": password };
  const retryForMs = options.retryForMs ?? 30_000;
  const { signal } = options;
  const connections = { keepAlive: true, maxSockets: 8, timeout: silentMs };
  const onCluster = cluster === null ? {} : textOf(clusterSettings);
  const agent = parsed.protocol === "https:" ? new TlsAgent(connections) : new Agent(connections);
  const send = (parameters: Record<string, string>, body: Buffer | null): Promise<void> =>
    post(`${base}/?${new URLSearchParams(parameters)}`, { headers, agent, signal }, body);
  return {
    client,
    ddl,
    ensureDatabase: () =>
      whileAway(() => send({ query: ddl.createDatabase() }, null), {
        what: `create database ${database} at ${base}`,
        retryForMs,
        signal,
      }),
    insert: ({ table, columns, format }, body, dedupeToken) => {
      const parameters = {
        query: `INSERT INTO ${table} (${columns}) FORMAT ${format}`,
        database,
        async_insert: "0",
        insert_deduplicate: "1",
        insert_deduplication_token: dedupeToken,
        ...onCluster,
      };
      return whileAway(() => send(parameters, body), { what: `insert into ${table}`, retryForMs, signal });
    },
    close: async () => {
      agent.destroy();
      await client.close();
    },
  };
};

const textOf = (settings: Record<string, string | number>): Record<string, string> =>
  Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, String(value)]));

/** A request of node:http, which sends the bytes as they are; fetch copies a body twice. */
const post = (
  url: string,
  options: { headers: Record<string, string>; agent: Agent; signal?: AbortSignal },
  body: Buffer | null,
): Promise<void> =>
  new Promise((resolve, reject) => {
    const length = String(body?.length ?? 0);
    const headers = { ...options.headers, "Content-Length": length };
    const send = url.startsWith("https:") ? tlsRequest : request;
    const sent = send(url, { ...options, headers, method: "POST" }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        const status = response.statusCode ?? 0;
        if (status === 200) resolve();
        else reject(new RefusedError(status, Buffer.concat(chunks).toString()));
      });
    });
    sent.on("error", reject);
    sent.on("timeout", () => sent.destroy(new Error("Timeout error: the warehouse is silent")));
    sent.end(body ?? undefined);
  });

/**
 * Runs a request of the warehouse, again with growing pauses while nobody answers or the answer is 502, 503 or 504.
 * WAREHOUSE_FAILED with the cause in the end, ENGINE_REFUSED at once where the warehouse lets nobody in. The request must be one that may be repeated.
 */
export const whileAway = async <T>(
  ask: () => Promise<T>,
  { what, retryForMs, signal }: { what: string; retryForMs: number; signal?: AbortSignal },
): Promise<T> => {
  const until = Date.now() + retryForMs;
  for (let pauseMs = 50; ; pauseMs = Math.min(pauseMs * 2, 2_000)) {
    try {
      return await ask();
    } catch (error) {
      if (signal?.aborted)
        throw new MillraceError("CLOSED", `${what}: shutting down, or its client has left`, { cause: error });
      if (!isAway(error) || Date.now() + pauseMs > until) throw warehouseFailed(what, error);
      await pause(pauseMs, signal);
    }
  }
};

const pause = (milliseconds: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal?.addEventListener("abort", done, { once: true });
  });
