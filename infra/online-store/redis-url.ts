import { readFileSync } from "node:fs";
import { MillraceError } from "../../schemas/errors.ts";

export type RedisNode = { host: string; port: number };

export type RedisSetting = {
  topology: "single" | "cluster" | "sentinel";
  nodes: RedisNode[];
  /** Name of the master that the sentinels watch; empty without sentinels. */
  master: string;
  username?: string;
  password?: string;
  db: number;
  /** Certificates in PEM that the server's is checked against, null for those of the system; absent without TLS. */
  tls?: { ca: string | null };
  prefix: string;
  timeoutMs: number;
};

const shapes = [
  "redis://[user:password@]host[:port][/db]",
  "redis+cluster://[user:password@]host[:port],...",
  "redis+sentinel://[user:password@]host[:port],.../master[/db]",
];

/** What is wrong, without the URL: it may hold a password. */
const invalid = (what: string): MillraceError =>
  new MillraceError("INVALID_SETTING", `ONLINE_STORE: ${what}; expected ${shapes.join(" or ")} (rediss for TLS)`);

const pattern = /^redis(s?)(?:\+(cluster|sentinel))?:\/\/(?:([^@/?]*)@)?([^@/?]+)(?:\/([^?]*))?(?:\?(.*))?$/i;

/**
 * What a URL of `redis:`, `redis+cluster:` or `redis+sentinel:` (`rediss...` for TLS) says. User and password are
 * percent-encoded. Parameters: `prefix` of every key (`millrace:`), `timeout`, the most milliseconds that a command
 * waits for its answer (5000), and `ca`, a file of certificates in PEM. In a cluster the prefix holds a hash tag
 * (`{millrace}:`), so that all keys lie together. INVALID_SETTING for anything else.
 */
export const redisSetting = (url: string): RedisSetting => {
  const match = pattern.exec(url);
  if (match === null) throw invalid("the URL is not understood");
  const [, secure, topologyName, credentials, hosts, path = "", query] = match;
  const topology = (topologyName?.toLowerCase() ?? "single") as RedisSetting["topology"];
  const parameters = new URLSearchParams(query);
  for (const name of parameters.keys()) {
    if (!["prefix", "timeout", "ca"].includes(name)) throw invalid(`there is no parameter "${name}"`);
  }
  const [db, master] = placeOf(topology, path);
  return {
    topology,
    nodes: hosts.split(",").map((host) => nodeOf(host, topology === "sentinel" ? 26_379 : 6379)),
    master,
    db,
    ...credentialsOf(credentials),
    ...(secure === "" ? {} : { tls: { ca: caOf(parameters.get("ca")) } }),
    prefix: prefixOf(topology, parameters.get("prefix")),
    timeoutMs: numberOf("timeout", parameters.get("timeout") ?? "5000", 1, 600_000),
  };
};

const nodeOf = (text: string, defaultPort: number): RedisNode => {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d+))?$/.exec(text);
  if (match === null) throw invalid("a host is not understood (a slash in a password is %2F)");
  const [, address, name, port] = match;
  return { host: address ?? name, port: port === undefined ? defaultPort : numberOf("port", port, 1, 65_535) };
};

const placeOf = (topology: RedisSetting["topology"], path: string): [db: number, master: string] => {
  const parts = path.split("/").filter((part) => part !== "");
  const master = topology === "sentinel" ? parts.shift() : "";
  if (master === undefined) throw invalid("the name of the master is missing");
  if (parts.length > (topology === "cluster" ? 0 : 1)) throw invalid("the path is too long");
  return [numberOf("db", parts[0] ?? "0", 0, 1_000_000), master];
};

const credentialsOf = (text: string | undefined): { username?: string; password?: string } => {
  if (text === undefined || text === "") return {};
  const colon = text.indexOf(":");
  if (colon < 0) throw invalid("the password is missing");
  try {
    const username = decodeURIComponent(text.slice(0, colon));
    const password = decodeURIComponent(text.slice(colon + 1));
    return username === "" ? { password } : { username, password };
  } catch {
    throw invalid("user and password must be percent-encoded");
  }
};

const caOf = (file: string | null): string | null => {
  if (file === null) return null;
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new MillraceError("INVALID_SETTING", `ONLINE_STORE: ca: ${(error as Error).message}`, { cause: error });
  }
};

const prefixOf = (topology: RedisSetting["topology"], prefix: string | null): string => {
  if (topology !== "cluster") return prefix ?? "millrace:";
  if (prefix !== null && !/\{[^}]+\}/.test(prefix)) {
    throw invalid(`the prefix of a cluster needs a hash tag such as {millrace}:, got "${prefix}"`);
  }
  return prefix ?? "{millrace}:";
};

const numberOf = (name: string, text: string, low: number, high: number): number => {
  const value = Number(text);
  if (text !== "" && Number.isInteger(value) && value >= low && value <= high) return value;
  throw invalid(`${name} must be a whole number from ${low} to ${high}`);
};
