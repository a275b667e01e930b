import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { MillraceError } from "../schemas/errors.ts";
import { withoutCredentials } from "./engine-url.ts";

/** What a process does: the doors; features, predictions and drift; the read models and sinks; training jobs. */
export const roleNames = ["api", "streams", "projections", "training"] as const;
export type RoleName = (typeof roleNames)[number];

/** Every setting, from the environment or the command line, with its default and what it means. */
export type Settings = {
  roles: readonly RoleName[];
  data: string;
  host: string;
  port: number;
  eventStore: string;
  broker: string;
  onlineStore: string;
  schemaRegistry: string;
  warehouse: string;
  /** Empty where the warehouse is one server. */
  warehouseCluster: string;
  artifacts: string;
  maxTaskIdleMs: number;
  sourceIdleMs: number;
  maxAheadMs: number;
  maxBatchRecords: number;
  streamThreads: number;
  stepTimeoutMs: number;
  partitions: number;
  datasetMaxBytes: number;
  modelInspectTimeoutMs: number;
  modelScoreTimeoutMs: number;
  modelMemoryBytes: number;
  /** What every request must carry as `Authorization: Bearer`; empty where there is none. */
  apiToken: string;
  allowAnonymous: boolean;
  /** Names that clients may know the doors by, beside the loopback ones and `host`: `name`, or `name:port`. */
  allowedHosts: readonly string[];
  development: boolean;
  logLevel: string;
};

/** The value of a `secret` is never shown. */
type Spec<T> = { env: string; flag?: string; secret?: true; help: string; parse: (text: string) => T };

const integer =
  (low: number, high: number) =>
  (text: string): number => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < low || value > high) {
      throw new MillraceError("INVALID_SETTING", `expected a whole number from ${low} to ${high}, got "${text}"`);
    }
    return value;
  };
const text = (value: string): string => value;
const oneOf =
  (...known: string[]) =>
  (value: string): string => {
    if (known.includes(value)) return value;
    throw new MillraceError("INVALID_SETTING", `expected one of ${known.join(", ")}, got "${value}"`);
  };
const yesOrNo = (value: string): boolean => {
  if (value !== "true" && value !== "false") {
    throw new MillraceError("INVALID_SETTING", `expected true or false, got "${value}"`);
  }
  return value === "true";
};
const roles = (value: string): RoleName[] => {
  const named = value.split(",").map((name) => name.trim());
  const unknown = named.find((name) => !(roleNames as readonly string[]).includes(name));
  if (unknown === undefined) return roleNames.filter((role) => named.includes(role));
  throw new MillraceError("INVALID_SETTING", `expected some of ${roleNames.join(",")}, got "${unknown}"`);
};
/** What an HTTP header can carry (RFC 6750, `b64token`). The refusal does not repeat it. */
const token = (value: string): string => {
  if (!/^[A-Za-z0-9\-._~+/]{16,}=*$/.test(value)) {
    throw new MillraceError("INVALID_SETTING", "expected 16 or more of A-Z a-z 0-9 - . _ ~ + / (openssl rand -hex 32)");
  }
  return value;
};
/** Names or addresses, each with a port or without; `*` is any. */
const hosts = (value: string): string[] =>
  value.split(",").map((given) => {
    const name = given.trim().toLowerCase();
    if (name === "*" || /^([a-z0-9._-]+|\[[0-9a-f:.]+\])(:\d{1,5})?$/.test(name)) return name;
    throw new MillraceError(
      "INVALID_SETTING",
      `expected hosts such as millrace.example or 10.0.0.7:4000, got "${given.trim()}"`,
    );
  });
/** As it stands in `remote_servers`, or a macro such as {cluster}. */
const clusterName = (value: string): string => {
  if (/^[\w.{}-]+$/.test(value)) return value;
  throw new MillraceError(
    "INVALID_SETTING",
    `expected the name of a cluster: letters, digits and _ . - { }, got "${value}"`,
  );
};
const url = (value: string): string => {
  if (!/^[a-z][a-z0-9+.-]*:/i.test(value)) {
    throw new MillraceError(
      "INVALID_SETTING",
      `expected a URL such as sqlite:./data/millrace.db, got "${withoutCredentials(value)}"`,
    );
  }
  return value;
};

export const settingSpecs: { [K in keyof Settings]: Spec<Settings[K]> } = {
  data: { env: "DATA", flag: "data", help: "Directory of the embedded engines", parse: (value) => resolve(value) },
  roles: { env: "ROLES", flag: "roles", help: `What this process does, some of ${roleNames.join(",")}`, parse: roles },
  host: { env: "HOST", flag: "host", help: "Address to listen on", parse: text },
  port: { env: "PORT", flag: "port", help: "Port to listen on; 0 picks a free one", parse: integer(0, 65535) },
  eventStore: { env: "EVENT_STORE", help: "Event store URL; the scheme picks the engine", parse: url },
  broker: { env: "BROKER", help: "Broker URL", parse: url },
  onlineStore: { env: "ONLINE_STORE", help: "Online store URL", parse: url },
  schemaRegistry: { env: "SCHEMA_REGISTRY", help: "Schema registry URL", parse: url },
  warehouse: { env: "WAREHOUSE", help: "Warehouse URL; chdb: is the embedded ClickHouse", parse: url },
  warehouseCluster: {
    env: "WAREHOUSE_CLUSTER",
    help: "Name of the ClickHouse cluster that the tables are on; none is one server",
    parse: clusterName,
  },
  artifacts: { env: "ARTIFACTS", help: "Artifact store URL", parse: url },
  maxTaskIdleMs: {
    env: "STREAMS_MAX_TASK_IDLE_MS",
    help: "How long a task waits for an input that is behind, at the live edge, milliseconds",
    parse: integer(0, 3_600_000),
  },
  sourceIdleMs: {
    env: "STREAMS_SOURCE_IDLE_MS",
    help: "While history is loaded: how long nobody must have produced to a source for it not to be waited for, milliseconds",
    parse: integer(0, 3_600_000),
  },
  maxAheadMs: {
    env: "STREAMS_MAX_AHEAD_MS",
    help: "How far ahead of the clock an event's time may be, milliseconds; what is further becomes a dead letter",
    parse: integer(0, Number.MAX_SAFE_INTEGER),
  },
  maxBatchRecords: {
    env: "STREAMS_MAX_BATCH",
    help: "Most records that a task takes from one input at once",
    parse: integer(1, 1_000_000),
  },
  streamThreads: {
    env: "STREAMS_THREADS",
    help: "Threads that share the stream tasks, by partition",
    parse: integer(1, 64),
  },
  stepTimeoutMs: {
    env: "STREAMS_STEP_TIMEOUT_MS",
    help: "How long a task may hold its thread before the thread is ended and started again, milliseconds",
    parse: integer(1000, 3_600_000),
  },
  partitions: { env: "PARTITIONS", help: "Partitions of a new event source that names none", parse: integer(1, 1024) },
  datasetMaxBytes: {
    env: "DATASET_MAX_BYTES",
    help: "Most bytes of one version of a dataset",
    parse: integer(1, Number.MAX_SAFE_INTEGER),
  },
  modelInspectTimeoutMs: {
    env: "MODEL_INSPECT_TIMEOUT_MS",
    help: "How long a model may take to load and to score a few rows, milliseconds",
    parse: integer(100, 3_600_000),
  },
  modelScoreTimeoutMs: {
    env: "MODEL_SCORE_TIMEOUT_MS",
    help: "How long a model in a process of its own may take for a row, milliseconds",
    parse: integer(100, 600_000),
  },
  modelMemoryBytes: {
    env: "MODEL_MEMORY_BYTES",
    help: "Most memory of a model's process, bytes",
    parse: integer(2 ** 28, Number.MAX_SAFE_INTEGER),
  },
  apiToken: {
    env: "API_TOKEN",
    secret: true,
    help: "What requests must carry as Authorization: Bearer; none without it",
    parse: token,
  },
  allowAnonymous: {
    env: "ALLOW_ANONYMOUS",
    help: "Serve other machines without a token: true or false",
    parse: yesOrNo,
  },
  allowedHosts: {
    env: "ALLOWED_HOSTS",
    help: "Hosts that requests and pages may name beside this machine's, as a.example,b.example:8080; * is any",
    parse: hosts,
  },
  development: {
    env: "DEVELOPMENT",
    help: "GraphiQL and full error causes: true or false",
    parse: yesOrNo,
  },
  logLevel: {
    env: "LOG_LEVEL",
    flag: "log-level",
    help: "trace, debug, info, warn, error or silent",
    parse: oneOf("trace", "debug", "info", "warn", "error", "fatal", "silent"),
  },
};

/** Flags win over the environment, the environment over defaults. INVALID_SETTING names the setting. */
export const loadSettings = (
  flags: Readonly<Record<string, string | undefined>>,
  environment: Readonly<Record<string, string | undefined>>,
): Settings => {
  const given = <K extends keyof Settings>(key: K): Settings[K] | undefined => {
    const spec = settingSpecs[key];
    const value = (spec.flag === undefined ? undefined : flags[spec.flag]) ?? environment[spec.env];
    if (value === undefined || value === "") return undefined;
    try {
      return spec.parse(value);
    } catch (error) {
      throw new MillraceError("INVALID_SETTING", `${spec.env}: ${(error as Error).message}`, { cause: error });
    }
  };
  const data = given("data") ?? resolve("data");
  const file = `sqlite:${join(data, "millrace.db")}`;
  return {
    data,
    roles: given("roles") ?? roleNames,
    host: given("host") ?? "127.0.0.1",
    port: given("port") ?? 4000,
    eventStore: given("eventStore") ?? file,
    broker: given("broker") ?? file,
    onlineStore: given("onlineStore") ?? file,
    schemaRegistry: given("schemaRegistry") ?? "embedded:",
    warehouse: given("warehouse") ?? `chdb:${join(data, "warehouse")}`,
    warehouseCluster: given("warehouseCluster") ?? "",
    artifacts: given("artifacts") ?? `file:${join(data, "artifacts")}`,
    maxTaskIdleMs: given("maxTaskIdleMs") ?? 250,
    sourceIdleMs: given("sourceIdleMs") ?? 2_000,
    maxAheadMs: given("maxAheadMs") ?? 300_000,
    maxBatchRecords: given("maxBatchRecords") ?? 16_384,
    stepTimeoutMs: given("stepTimeoutMs") ?? 30_000,
    streamThreads: given("streamThreads") ?? Math.min(2, availableParallelism()),
    partitions: given("partitions") ?? 4,
    datasetMaxBytes: given("datasetMaxBytes") ?? 2 ** 30,
    modelInspectTimeoutMs: given("modelInspectTimeoutMs") ?? 10_000,
    modelScoreTimeoutMs: given("modelScoreTimeoutMs") ?? 5_000,
    modelMemoryBytes: given("modelMemoryBytes") ?? 2 ** 31,
    apiToken: given("apiToken") ?? "",
    allowAnonymous: given("allowAnonymous") ?? false,
    allowedHosts: given("allowedHosts") ?? [],
    development: given("development") ?? environment.NODE_ENV !== "production",
    logLevel: given("logLevel") ?? "info",
  };
};
