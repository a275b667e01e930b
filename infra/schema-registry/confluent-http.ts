import { setTimeout as delay } from "node:timers/promises";
import { MillraceError } from "../../schemas/errors.ts";

/** `code` is the registry's own number, such as 40401; the HTTP status where it gives none. */
export type RegistryAnswer = { status: number; code: number; message: string; body: unknown };

export type RegistryHttp = {
  /** Host and path without credentials, for messages. */
  where: string;
  /**
   * The answer to a 2xx and to refusals that the caller knows what to do with: 404, 409, 422. ENGINE_UNAVAILABLE when
   * every attempt failed, ENGINE_REFUSED for credentials and any other refusal, CLOSED.
   */
  request(method: "GET" | "POST" | "PUT" | "DELETE", path: string, body?: unknown): Promise<RegistryAnswer>;
  close(): void;
};

/** Milliseconds before each further attempt; every request of the API may be sent again. */
const pauses = [100, 300, 900];
const attemptMs = 5000;
const mediaType = "application/vnd.schemaregistry.v1+json";

/** `http(s)://[user:password@]host[:port][/path]`, user and password percent-encoded. INVALID_SETTING for others. */
export const registryHttp = (setting: string, timeoutMs = attemptMs): RegistryHttp => {
  const { base, authorization } = parseSetting(setting);
  const closing = new AbortController();
  const headers = { accept: `${mediaType}, application/json`, "content-type": mediaType, ...authorization };

  const once = async (method: string, path: string, body: string | undefined): Promise<Response> => {
    const signal = AbortSignal.any([closing.signal, AbortSignal.timeout(timeoutMs)]);
    const response = await fetch(base + path, { method, headers, body, signal });
    const bytes = await response.arrayBuffer();
    return new Response(bytes.byteLength === 0 ? null : bytes, { status: response.status });
  };

  const unavailable = (what: string, cause?: unknown): MillraceError =>
    new MillraceError(
      "ENGINE_UNAVAILABLE",
      `the schema registry at ${base} ${what}: start it, or mend SCHEMA_REGISTRY`,
      { cause },
    );

  const attempt = async (method: string, path: string, body: string | undefined): Promise<Response | MillraceError> => {
    try {
      const response = await once(method, path, body);
      return isPassing(response.status) ? unavailable(`answered ${response.status} to ${method} ${path}`) : response;
    } catch (error) {
      if (closing.signal.aborted) throw closed();
      const reason = reasonOf(error, timeoutMs);
      if (!untrusted.test(reason)) return unavailable(reason, error);
      throw new MillraceError("ENGINE_REFUSED", `the schema registry at ${base} ${reason}: see NODE_EXTRA_CA_CERTS`, {
        cause: error,
      });
    }
  };

  return {
    where: base,
    async request(method, path, given) {
      const body = given === undefined ? undefined : JSON.stringify(given);
      for (let tries = 0; ; tries++) {
        if (closing.signal.aborted) throw closed();
        const outcome = await attempt(method, path, body);
        if (outcome instanceof Response) return answerOf(outcome, base, `${method} ${path}`);
        if (tries === pauses.length) throw outcome;
        await delay(pauses[tries] * (0.5 + Math.random()), undefined, { signal: closing.signal }).catch(() => {});
      }
    },
    close: () => closing.abort(),
  };
};

const parseSetting = (setting: string): { base: string; authorization: { authorization?: string } } => {
  const url = URL.parse(setting);
  if (url === null || !/^https?:$/.test(url.protocol) || url.search !== "" || url.hash !== "") {
    throw new MillraceError(
      "INVALID_SETTING",
      "SCHEMA_REGISTRY: expected http(s)://[user:password@]host[:port][/path], user and password percent-encoded",
    );
  }
  const base = `${url.protocol}//${url.host}${url.pathname.replace(/\/+$/, "")}`;
  if (url.username === "" && url.password === "") return { base, authorization: {} };
  const credentials = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  return { base, authorization: { authorization: `Basic ${Buffer.from(credentials).toString("base64")}` } };
};

const closed = (): MillraceError => new MillraceError("CLOSED", "the schema registry is closed");

/** Also 500: what a registry answers while its own store is behind or it looks for its leader. */
const isPassing = (status: number): boolean => status === 429 || (status >= 500 && status !== 501);

const untrusted = /ERR_(SSL|TLS)|CERT|SELF_SIGNED|UNABLE_TO_/;

const reasonOf = (error: unknown, timeoutMs: number): string => {
  if ((error as Error).name === "TimeoutError") return `did not answer within ${timeoutMs} ms`;
  const { code, message } = ((error as Error).cause ?? error) as NodeJS.ErrnoException;
  return `cannot be reached (${code ?? message})`;
};

const answerOf = async (response: Response, base: string, what: string): Promise<RegistryAnswer> => {
  const { status, ok } = response;
  const text = await response.text();
  const body = jsonOf(text);
  const { error_code: given, message: said } = (typeof body === "object" && body !== null ? body : {}) as {
    error_code?: unknown;
    message?: unknown;
  };
  const code = typeof given === "number" && given !== 0 ? given : status;
  const message = typeof said === "string" ? said : `HTTP ${status}`;
  if (status === 401 || status === 403) {
    throw new MillraceError(
      "ENGINE_REFUSED",
      `the schema registry at ${base} refuses the credentials of SCHEMA_REGISTRY for ${what} (${status}): mend them`,
    );
  }
  if ((ok && body !== undefined) || [404, 409, 422].includes(status)) return { status, code, message, body };
  const why = ok ? "answered what is no JSON" : `refused ${what}: ${message}`;
  throw new MillraceError("ENGINE_REFUSED", `the schema registry at ${base} ${why}: is SCHEMA_REGISTRY right?`, {
    details: { status, code },
  });
};

const jsonOf = (text: string): unknown => {
  if (text === "") return null;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};
