import type { TopicConfig } from "../port.ts";
import type { ConfigEntries } from "./requests.ts";

/** Kafka's default for `message.max.bytes`, without its overhead. */
export const DEFAULT_MAX_RECORD_BYTES = 1_048_576;

/** A topic of ours takes batches of so much beside its largest record: many records, their headers, the overhead. */
const BATCH_ROOM = (1 << 20) + 65_536;
/** What a batch of one record takes beside key and value. */
const OVERHEAD = 128;

const noLimit = "9223372036854775807";
/** Event times may lie anywhere. */
const timeLimits = ["message.timestamp.before.max.ms", "message.timestamp.after.max.ms"];

/** A topic's settings in Kafka. They say all of a `TopicConfig` but its partitions. */
export const settingsOf = ({ cleanup, retentionMs, maxRecordBytes = 0 }: TopicConfig): ConfigEntries => [
  ["cleanup.policy", cleanup],
  ["message.timestamp.type", "CreateTime"],
  ["max.message.bytes", `${BATCH_ROOM + maxRecordBytes}`],
  ...(cleanup === "delete" || retentionMs !== undefined ? ([["retention.ms", `${retentionMs ?? -1}`]] as const) : []),
  // A segment is compacted when it is closed. By size, since its age is one of event times.
  ...(cleanup === "compact"
    ? ([
        ["segment.bytes", `${64 << 20}`],
        ["min.cleanable.dirty.ratio", "0.3"],
      ] as const)
    : []),
  ...timeLimits.map((name) => [name, noLimit] as const),
];

/** Without what Kafka before 3.6 does not know. */
export const oldConfigs = (settings: ConfigEntries): ConfigEntries =>
  settings.filter(([name]) => !timeLimits.includes(name));

/** What is read of a topic, and altered on one that is there. */
export const managed = ["cleanup.policy", "max.message.bytes", "retention.ms"];

export const managedOnly = (settings: ConfigEntries): ConfigEntries =>
  settings.filter(([name]) => managed.includes(name));

/** What the settings given to a topic say; of a topic that others made, as near as can be said. */
export const configOf = (partitions: number, own: ReadonlyMap<string, string>): TopicConfig => {
  const retention = Number(own.get("retention.ms") ?? -1);
  const largest = maxRecordBytes(own.get("max.message.bytes"));
  return {
    partitions,
    cleanup: own.get("cleanup.policy")?.startsWith("compact") ? "compact" : "delete",
    ...(retention < 0 ? {} : { retentionMs: retention }),
    ...(largest === undefined ? {} : { maxRecordBytes: largest }),
  };
};

const maxRecordBytes = (given: string | undefined): number | undefined => {
  if (given === undefined) return undefined;
  const bytes = Number(given);
  if (bytes > BATCH_ROOM) return bytes - BATCH_ROOM;
  return bytes === BATCH_ROOM ? undefined : Math.max(1, bytes - OVERHEAD);
};

/** Largest batch that the topic takes. */
export const maxBatchBytes = (own: ReadonlyMap<string, string>): number =>
  Number(own.get("max.message.bytes") ?? DEFAULT_MAX_RECORD_BYTES) - OVERHEAD;
