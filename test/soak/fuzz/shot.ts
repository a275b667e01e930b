/** One request over HTTP, as it is sent and as it is kept in a file; the body is base64. */
export type HttpStep = {
  over: "http";
  to: "platform" | "warehouse";
  method: string;
  path: string;
  headers: Record<string, string>;
  body: string;
  /** An answer of success is a fault: it reaches what it may not. */
  mustRefuse?: true;
  /** It may work for long: the client goes away after this time, and asks nothing of the answer. */
  leaveAfterMs?: number;
};

/** Bytes to a bare socket, piece by piece. */
export type RawStep = { over: "socket"; to: "platform" | "warehouse"; pieces: string[]; pauseMs: number };

/** Messages over a WebSocket of the protocol graphql-transport-ws. */
export type WsStep = { over: "ws"; messages: string[]; listenMs: number };

export type Step = HttpStep | RawStep | WsStep;

/** What one turn at a door sends, in order. */
export type Shot = { door: string; steps: Step[] };

type HttpOptions = { headers?: Record<string, string>; body?: Buffer | string; to?: HttpStep["to"] };

export const http = (
  method: string,
  path: string,
  { headers = {}, body = "", to = "platform" }: HttpOptions = {},
): HttpStep => ({
  over: "http",
  to,
  method,
  path,
  headers,
  body: Buffer.from(body).toString("base64"),
});

export const json = (method: string, path: string, value: unknown, headers: Record<string, string> = {}): HttpStep =>
  http(method, path, { headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(value) });

export const graphql = (query: string, variables?: unknown): HttpStep => json("POST", "/graphql", { query, variables });
