import type { IncomingMessage } from "node:http";
import { foreignLanes, laneHeader } from "../guests.ts";
import type { BodyCoding } from "./body.ts";
import { type ReplyCoding, replyCoding } from "./compression/reply-coding.ts";
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
  bodyCoding: BodyCoding;
  replyCoding: ReplyCoding;
  readonly: boolean;
  /** The answer goes out when it is whole, with the true status. */
  waitForEnd: boolean;
  /** Where the platform asks for somebody else. */
  foreignLane: (typeof foreignLanes)[number] | null;
  session: AskedSession | null;
  settings: Map<string, string>;
  parameters: Map<string, string>;
};

/** What `SET` and `USE` of one request mean for later ones. */
export type AskedSession = {
  id: string;
  /** Whether it must be there already. */
  mustBe: boolean;
  timeoutMs: number;
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
  "send_progress_in_http_headers",
  "session_check",
  "session_id",
  "session_timeout",
  "stacktrace",
  "wait_end_of_query",
]);

/** Who names one of these relies on what is not there. */
const unsupported = ["quota_key", "role"];

const defaultSessionSeconds = 60;
const mostSessionSeconds = 3600;

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
    bodyCoding: {
      encoding: (header("content-encoding") ?? "").toLowerCase(),
      blocks: isOn(url.searchParams.get("decompress")),
    },
    replyCoding: replyCoding(url.searchParams, header("accept-encoding") ?? ""),
    readonly: request.method === "GET",
    waitForEnd: isOn(url.searchParams.get("wait_end_of_query")),
    foreignLane: foreignLanes.find((lane) => lane === header(laneHeader)) ?? null,
    session: sessionOf(url.searchParams),
    settings: new Map(),
    parameters: new Map(),
  };
  readFields(result, url.searchParams);
  return result;
};

/** Takes over fields of the URL, or of a form. */
export const readFields = (result: QueryRequest, fields: Iterable<[string, string]>): void => {
  for (const [name, value] of fields) {
    if (name.startsWith("param_")) result.parameters.set(name.slice(6), value);
    else if (name === "query") result.query = value;
    else if (name === "query_id") result.queryId = value;
    else if (name === "database") result.database = value;
    else if (name === "default_format") result.format = value;
    else if (name === "user") result.user = value;
    else if (name === "password") result.password = value;
    else if (unsupported.includes(name)) {
      throw exception(501, 48, "NOT_IMPLEMENTED", `The parameter ${name} is not supported here: leave it out`);
    } else if (!httpOnly.has(name)) result.settings.set(name, value);
  }
  if (result.database === "") result.database = null;
  if (result.format !== null && !/^\w+$/.test(result.format)) {
    throw exception(400, 73, "UNKNOWN_FORMAT", "Unknown format");
  }
};

const isOn = (value: string | null): boolean => value === "1" || value === "true";

const sessionOf = (fields: URLSearchParams): AskedSession | null => {
  const id = fields.get("session_id");
  if (id === null || id === "") return null;
  const seconds = Number(fields.get("session_timeout") ?? defaultSessionSeconds);
  if (!(seconds >= 0 && seconds <= mostSessionSeconds)) {
    const message = `Invalid session timeout: expected 0 to ${mostSessionSeconds} seconds`;
    throw exception(400, 374, "INVALID_SESSION_TIMEOUT", message);
  }
  return { id, mustBe: isOn(fields.get("session_check")), timeoutMs: seconds * 1000 };
};

const basicAuth = (header: string | undefined): [string | null, string | null] => {
  if (header === undefined || !/^basic /i.test(header)) return [null, null];
  const text = Buffer.from(header.slice(6), "base64").toString();
  const colon = text.indexOf(":");
  return colon < 0 ? [text, ""] : [text.slice(0, colon), text.slice(colon + 1)];
};
