/**
 * The broker: topics of keyed records in partitions, consumed in batches.
 *
 * Promises, held by every adapter and by `test/contracts/broker.contract.ts`:
 * - Offsets are dense from 0 at produce time; compaction and retention leave holes, never reuse.
 * - `produce` is all or none per call and answers after the records can be read.
 * - A `Transaction` commits outputs and consumed offsets together or not at all; nobody reads uncommitted outputs.
 * - `consume` starts at the group's committed offsets (or the given ones) and yields only what a reader of
 *   committed data may see. One group's partition is consumed by one consumer at a time.
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
  /** The next records of this partition, or null when there are none at the moment. Never waits. */
  poll(topic: string, partition: number): Promise<RecordBatch | null>;
  /** Resolves when some partition may have records beyond what was polled, or after `timeoutMs`. */
  wait(timeoutMs: number, signal?: AbortSignal): Promise<void>;
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
  reader(options: ConsumeOptions): Reader;
  committed(group: string): Promise<Offsets>;
  commitOffsets(group: string, offsets: Offsets): Promise<void>;
  watermarks(topic: string): Promise<Watermarks[]>;
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
