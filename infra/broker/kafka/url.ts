import { readFileSync } from "node:fs";
import type { ConnectionOptions } from "node:tls";
import { MillraceError } from "../../../schemas/errors.ts";
import { type TokenSource, tokenSource } from "./oauth.ts";

export type Codec = "none" | "gzip" | "zstd";

export type Sasl =
  | { mechanism: "plain" | "scram-sha-256" | "scram-sha-512"; username: string; password: string }
  | { mechanism: "oauthbearer"; oauthBearerProvider: TokenSource };

export type KafkaSettings = {
  servers: readonly { host: string; port: number }[];
  tls: ConnectionOptions | undefined;
  sasl: Sasl | undefined;
  clientId: string;
  compression: Codec;
  /** Of topics that are created here; -1 is the cluster's default. */
  replicationFactor: number;
  /** Stands before every topic, group and transactional id in Kafka. */
  prefix: string;
};

const parameters = [
  "tls",
  "ca",
  "sasl",
  "oauth-token-url",
  "oauth-scope",
  "client-id",
  "compression",
  "replication-factor",
  "prefix",
];
const mechanisms = ["plain", "scram-sha-256", "scram-sha-512", "oauthbearer"] as const;
const codecs = ["none", "gzip", "zstd"] as const;

/**
 * Reads `kafka://[user:password@]host:port[,host:port]?...`. User and password are percent-encoded.
 * INVALID_SETTING names what is wrong, and never the credentials.
 */
export const kafkaSettings = (url: string): KafkaSettings => {
  const [, credentials, hosts, query] =
    /^kafka:\/\/(?:([^/?]*)@)?([^/?@]+)\/?(?:\?(.*))?$/i.exec(url) ??
    refuse("write kafka://[user:password@]host:port[,host:port][?name=value]");
  const search = new URLSearchParams(query ?? "");
  for (const name of search.keys()) {
    if (!parameters.includes(name)) refuse(`"${name}" is no parameter; there are ${parameters.join(", ")}`);
  }
  const ca = search.get("ca");
  const withTls = choice(search, "tls", ["true", "false"], ca === null ? "false" : "true") === "true";
  const factor = Number(search.get("replication-factor") ?? -1);
  if (!Number.isInteger(factor) || (factor < 1 && factor !== -1)) {
    refuse("replication-factor must be a whole number from 1");
  }
  return {
    servers: hosts.split(",").map(server),
    tls: withTls ? (ca === null ? {} : { ca: certificates(ca) }) : undefined,
    sasl: saslOf(search, credentials),
    clientId: search.get("client-id") ?? "millrace",
    compression: choice(search, "compression", codecs, "none"),
    replicationFactor: factor,
    prefix: search.get("prefix") ?? "",
  };
};

const refuse = (message: string): never => {
  throw new MillraceError("INVALID_SETTING", `BROKER: ${message}`, { details: { setting: "BROKER" } });
};

const choice = <T extends string>(search: URLSearchParams, name: string, allowed: readonly T[], otherwise: T): T => {
  const given = search.get(name)?.toLowerCase() ?? otherwise;
  return allowed.find((one) => one === given) ?? refuse(`${name} must be one of ${allowed.join(", ")}`);
};

const server = (text: string): { host: string; port: number } => {
  const [, host, port] = /^(\[[^\]]+\]|[^:]+)(?::(\d+))?$/.exec(text) ?? refuse(`"${text}" is no host:port`);
  return { host: host.replace(/^\[|\]$/g, ""), port: Number(port ?? 9092) };
};

const certificates = (file: string): Buffer => {
  try {
    return readFileSync(file);
  } catch (error) {
    return refuse(`the file of ca cannot be read: ${(error as Error).message}`);
  }
};

const saslOf = (search: URLSearchParams, credentials: string | undefined): Sasl | undefined => {
  if (credentials === undefined) {
    if (search.has("sasl")) refuse("sasl needs kafka://user:password@");
    return undefined;
  }
  const colon = credentials.indexOf(":");
  if (colon < 1) refuse("the credentials must be user:password, percent-encoded");
  const username = decoded(credentials.slice(0, colon));
  const password = decoded(credentials.slice(colon + 1));
  const mechanism = choice(search, "sasl", mechanisms, "plain");
  if (mechanism !== "oauthbearer") return { mechanism, username, password };
  const endpoint = search.get("oauth-token-url");
  if (endpoint === null || !URL.canParse(endpoint)) return refuse("sasl=oauthbearer needs oauth-token-url=https://...");
  return { mechanism, oauthBearerProvider: tokenSource(endpoint, username, password, search.get("oauth-scope")) };
};

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    return refuse("user and password must be percent-encoded");
  }
};
