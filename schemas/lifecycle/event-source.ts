import type { Event } from "./event.ts";

/** A topic of the world's events. Sources with the same `key` and `partitions` are co-partitioned. */
export type EventSourceDefinition = {
  topic: string;
  /** Avro record schema, JSON. */
  schema: string;
  schemaId: number;
  /** Field whose value is the message key. */
  key: string;
  /** Field (long) that is the event time: UTC milliseconds, or microseconds where it is a timestamp-micros. */
  timestamp: string;
  partitions: number;
  maxRecordBytes: number;
  /** null keeps for ever. */
  retentionMs: number | null;
};

export type EventSourceEvent =
  | Event<"EventSourceCreated", EventSourceDefinition>
  | Event<"EventSourceSchemaChanged", { schema: string; schemaId: number }>
  | Event<"EventSourceArchived", Record<string, never>>;
