import type { Agreement, LogMark } from "../log-marks.ts";

/**
 * The broker: topics of keyed records in partitions, consumed in batches.
 *
 * Promises, held by every adapter and by `test/contracts/broker.contract.ts`:
 * - Offsets grow from 0. A commit may take further offsets of its own after its records (`commitMarkers`);
 *   compaction and retention leave holes. None is ever used twice.
 * - `produce` is all or none per call and answers after the records can be read.
 * - A `Transaction` commits outputs and consumed offsets together or not at all; nobody reads uncommitted outputs.
 * - Who opens a `Writer` is the only writer of that id from then on: what an earlier holder left uncommitted is
 *   aborted, and all that it tries afterwards fails with FENCED.
 * - Of the members of a group each partition number is owned by at most one that knows of the newest assignment;
 *   a member that does not know it yet is kept from committing by the writer of its successor.
 * - `consume` starts at the group's committed offsets (or the given ones) and yields only what a reader of
 *   committed data may see. One group's partition is consumed by one consumer at a time.
 * - A topic that was deleted and made again, restored from a copy or cut short is another log from there on, and its
 *   marks (`marks`, `agreed`) say so. A reader fails with LOG_CHANGED when a topic was made again under it, or ends before the
 *   offset that it is to go on from.
 * - A compacted topic keeps at least the newest record of each key; a null value is a tombstone.
 *
 * Left out on purpose: consumer-side filters, server-side timestamps (every record carries its event time).
 */
export type Headers = Readonly<Record<string, string>>;

/**
 * Records of one partition in columns: no object a record, no copy of the bytes.
 * Key of record i: `bytes.subarray(keyStart[i], keyEnd[i])`, absent where `keyStart[i]` is -1; values alike.
 * `timestamps` are event times, UTC milliseconds. `headers[i]` is undefined for most records.
 */
export type RecordBatch = {
  topic: string;
  partition: number;
  count: number;
  offsets: Float64Array;
  timestamps: Float64Array;
  bytes: Buffer;
  keyStart: Int32Array;
  keyEnd: Int32Array;
  valueStart: Int32Array;
  valueEnd: Int32Array;
  headers?: readonly (Headers | undefined)[];
};

export type OutputRecord = {
  key: Buffer | string | null;
  value: Buffer | null;
  timestamp: number;
  headers?: Headers;
  /** Without it the key picks the partition (`partitionOf`). */
  partition?: number;
};

export type TopicConfig = {
  partitions: number;
  cleanup: "delete" | "compact";
  /** Delete batches whose newest record is older than this many milliseconds of event time; kept for ever without it. */
  retentionMs?: number;
  /** Largest key + value of one record, in bytes. */
  maxRecordBytes?: number;
};

export type TopicPartition = { topic: string; partition: number };

export type Offsets = { topic: string; partition: number; offset: number }[];

/** First (inclusive) and next offset of a partition. */
export type Watermarks = { low: number; high: number };

/** One atomic write. Records are copied or encoded when added; `commit` makes all visible at once. */
export type Transaction = {
  /** Append one record to an explicit partition. The bytes may be reused by the caller after the call. */
  add(
    topic: string,
    partition: number,
    key: Buffer | string | null,
    value: Buffer | null,
    timestamp: number,
    headers?: Headers,
  ): void;
  /** The group's next offsets to consume, committed with the records. */
  offsets(group: string, offsets: Offsets): void;
  /** Resolves when durable. Answers each written partition's first offset. */
  commit(): Promise<{ topic: string; partition: number; firstOffset: number; count: number }[]>;
  abort(): void;
};

/** The one writer of an id: transactions one after the other. */
export type Writer = {
  transaction(): Transaction;
  close(): Promise<void>;
};

/** One of several equals that share the partitions of co-partitioned topics: number p of every topic goes to the same. */
export type Membership = {
  /**
   * The topics whose partitions are to be shared, all of them each time. Where the group has none, number 0 alone is
   * shared out: to its leader.
   */
  subscribe(topics: readonly string[]): void;
  /** Whether partition `p` of all topics is this member's at the moment. */
  owns(partition: number): boolean;
  /** Grows with each change of what is owned; 0 until that is known. */
  revision(): number;
  /** Resolves when the revision is no longer `seen`, or when aborted. */
  changed(seen: number, signal: AbortSignal): Promise<void>;
  /** Gives everything back at once, so that others need not wait for a time-out. */
  leave(): Promise<void>;
};

export type ConsumeOptions = {
  partitions: readonly TopicPartition[];
  /** Next offset to read by `topic/partition`; the low watermark where absent. */
  from: ReadonlyMap<string, number>;
  /** At most about so many records and bytes a batch. */
  maxRecords?: number;
  maxBytes?: number;
};

/** A pull reader over assigned partitions: it never buffers more than it was asked for. */
export type Reader = {
  /** The next records of this partition, or null when there are none, or were none as a wait just ended. Never waits. */
  poll(topic: string, partition: number): Promise<RecordBatch | null>;
  /**
   * Resolves when some partition may have records beyond what was polled, or after `timeoutMs`. Answers false where it
   * knows of none: the next poll would find nothing but what came since.
   */
  wait(timeoutMs: number, signal?: AbortSignal): Promise<boolean>;
  seek(topic: string, partition: number, offset: number): void;
  close(): Promise<void>;
};

export type Broker = {
  /** Creates the topic or leaves an equal one as it is; ILLEGAL_STATE if partitions differ. */
  ensureTopic(topic: string, config: TopicConfig): Promise<void>;
  topic(topic: string): Promise<TopicConfig | null>;
  topics(): Promise<{ topic: string; config: TopicConfig }[]>;
  deleteTopic(topic: string): Promise<void>;
  /** Appends to one topic; answers partition and offset of each record in order. */
  produce(topic: string, records: readonly OutputRecord[]): Promise<{ partition: number; offset: number }[]>;
  transaction(): Transaction;
  /** See `Writer`. Before its first read of what an earlier holder has committed a task must hold its writer. */
  writer(id: string): Promise<Writer>;
  /** How many offsets a commit takes in each partition that it wrote to, beside its records. */
  commitMarkers: number;
  /**
   * Joins the members that share a group's partitions. `place` is this member's among those of one process, for an
   * engine that knows of no other process.
   */
  join(group: string, place: { index: number; of: number }): Promise<Membership>;
  reader(options: ConsumeOptions): Reader;
  committed(group: string): Promise<Offsets>;
  commitOffsets(group: string, offsets: Offsets): Promise<void>;
  watermarks(topic: string): Promise<Watermarks[]>;
  /** The newest mark of each partition's log, taken after records were read and before what they led to is written. */
  marks(topic: string): Promise<LogMark[]>;
  /**
   * How far a store that has derived everything before offset `next` of a partition, and kept these marks, agrees with
   * it. UNKNOWN_TOPIC.
   */
  agreed(place: TopicPartition, marks: readonly LogMark[], next: number): Promise<Agreement>;
  close(): Promise<void>;
};

export const partitionKey = (topic: string, partition: number): string => `${topic}/${partition}`;

/**
 * Partition of a key: murmur2 of its UTF-8 bytes, as Kafka's default partitioner and kafkajs do,
 * so that foreign producers place keys alike.
 */
export const partitionOf = (key: Uint8Array, partitions: number): number => (murmur2(key) & 0x7fffffff) % partitions;

/** Kafka's murmur2 (org.apache.kafka.common.utils.Utils.murmur2). */
export const murmur2 = (data: Uint8Array): number => {
  const m = 0x5bd1e995;
  const length = data.length;
  let h = 0x9747b28c ^ length;
  const words = length >> 2;
  for (let i = 0; i < words; i++) {
    const at = i << 2;
    let k = data[at] | (data[at + 1] << 8) | (data[at + 2] << 16) | (data[at + 3] << 24);
    k = Math.imul(k, m);
    k ^= k >>> 24;
    k = Math.imul(k, m);
    h = Math.imul(h, m) ^ k;
  }
  const tail = words << 2;
  switch (length & 3) {
    // biome-ignore lint/suspicious/noFallthroughSwitchClause: the tail's bytes accumulate, as in Kafka's source
    case 3:
      h ^= data[tail + 2] << 16;
    // biome-ignore lint/suspicious/noFallthroughSwitchClause: see above
    case 2:
      h ^= data[tail + 1] << 8;
    case 1:
      h ^= data[tail];
      h = Math.imul(h, m);
  }
  h ^= h >>> 13;
  h = Math.imul(h, m);
  h ^= h >>> 15;
  return h | 0;
};
