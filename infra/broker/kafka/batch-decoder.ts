import { MillraceError } from "../../../schemas/errors.ts";
import { indexOfOffset, sliceBatch } from "../batch.ts";
import type { Headers, RecordBatch } from "../port.ts";
import { BATCH_HEADER_BYTES } from "./batch-encoder.ts";
import { decompress, MOST_BATCH_BYTES } from "./compression.ts";
import { crc32c } from "./crc32c.ts";
import { readVarint, type VarintReader } from "./varint.ts";

/** A transaction that was aborted: its producer's records from this offset on are not for readers. */
export type Aborted = { producer: bigint; firstOffset: number };

/** What a partition's answer to a fetch holds: records, and where the next fetch begins. */
export type Fetched = { batch: RecordBatch | null; next: number };

type Visible = {
  base: number;
  count: number;
  baseTime: number;
  /** The time of all records where the broker stamped them, else NaN. */
  appendTime: number;
  codec: number;
  start: number;
  end: number;
};

const MAGIC = 2;
const CRC_FROM = 21;
const CODEC = 0x07;
const APPEND_TIME = 0x08;
const TRANSACTIONAL = 0x10;
const CONTROL = 0x20;

/** The records at or beyond `from` that a reader of committed data may see, of the batches of one fetch. */
export const decodeBatches = (
  topic: string,
  partition: number,
  records: Buffer,
  from: number,
  aborted: readonly Aborted[],
): Fetched => {
  const { visible, next } = visibleBatches(topic, partition, records, from, aborted);
  if (visible.length === 0) return { batch: null, next };
  const { bytes, bodies } = bodiesOf(topic, records, visible);
  const all = readRecords({ topic, partition }, bytes, bodies);
  const first = indexOfOffset(all, from);
  const batch = first === all.count ? null : sliceBatch(all, first, all.count);
  return { batch, next: bodies.length === visible.length ? next : visible[bodies.length].base };
};

const visibleBatches = (
  topic: string,
  partition: number,
  records: Buffer,
  from: number,
  aborted: readonly Aborted[],
): { visible: Visible[]; next: number } => {
  const pending = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset);
  const hidden = new Set<bigint>();
  const visible: Visible[] = [];
  let next = from;
  let at = 0;
  while (at + BATCH_HEADER_BYTES <= records.length) {
    const end = at + 12 + records.readInt32BE(at + 8);
    // The last batch may have been cut off by the fetch's limit.
    if (end > records.length) break;
    if (records[at + 16] !== MAGIC) throw oldFormat(topic, records[at + 16]);
    if (crc32c(records, at + CRC_FROM, end) !== records.readUInt32BE(at + 17))
      throw damaged(topic, partition, at, records);
    const base = Number(records.readBigInt64BE(at));
    const last = base + records.readInt32BE(at + 23);
    const attributes = records.readInt16BE(at + 21);
    const count = records.readInt32BE(at + 57);
    while (pending.length > 0 && pending[0].firstOffset <= last) hidden.add((pending.shift() as Aborted).producer);
    const producer = records.readBigInt64BE(at + 43);
    if ((attributes & CONTROL) !== 0) {
      if (count > 0 && isAbort(records, at + BATCH_HEADER_BYTES)) hidden.delete(producer);
    } else if (count > 0 && last >= from && !((attributes & TRANSACTIONAL) !== 0 && hidden.has(producer))) {
      visible.push({
        base,
        count,
        baseTime: Number(records.readBigInt64BE(at + 27)),
        appendTime: (attributes & APPEND_TIME) === 0 ? Number.NaN : Number(records.readBigInt64BE(at + 35)),
        codec: attributes & CODEC,
        start: at + BATCH_HEADER_BYTES,
        end,
      });
    }
    if (last + 1 > next) next = last + 1;
    at = end;
  }
  return { visible, next };
};

const oldFormat = (topic: string, magic: number): MillraceError =>
  new MillraceError(
    "ENGINE_REFUSED",
    `topic "${topic}" holds records of the message format ${magic}, from before Kafka 0.11: copy it to a new topic`,
    { details: { topic, magic } },
  );

const damaged = (topic: string, partition: number, at: number, records: Buffer): MillraceError =>
  new MillraceError(
    "ENGINE_REFUSED",
    `the batch at ${topic}/${partition}@${records.readBigInt64BE(at)} does not match its checksum: the log of the broker is damaged`,
    { details: { topic, partition } },
  );

/** The checksum is right: its producer wrote it so. */
const malformed = ({ topic, partition }: { topic: string; partition: number }, base: number): MillraceError =>
  new MillraceError(
    "ENGINE_REFUSED",
    `the batch at ${topic}/${partition}@${base} does not hold the records that it announces: ` +
      "its producer is broken or hostile; stop it, and delete the topic's records up to the batch",
    { details: { topic, partition } },
  );

/** A control record's key: version, then type, of which 0 is abort. */
const isAbort = (records: Buffer, start: number): boolean => {
  const reader: VarintReader = { bytes: records, at: start };
  readVarint(reader);
  reader.at += 1;
  readVarint(reader);
  readVarint(reader);
  return readVarint(reader) >= 4 && records.readInt16BE(reader.at + 2) === 0;
};

/** Decompressed bytes of one fetch: what is beyond them is left to the next one. */
const MOST_FETCH_BYTES = 2 * MOST_BATCH_BYTES;

/**
 * Where the records of each batch are. Where all are plain their bytes are not copied; compressed ones are laid behind
 * one another, as many as may be in memory at once.
 */
const bodiesOf = (
  topic: string,
  records: Buffer,
  visible: readonly Visible[],
): { bytes: Buffer; bodies: readonly Visible[] } => {
  if (visible.every(({ codec }) => codec === 0)) return { bytes: records, bodies: visible };
  const parts: Buffer[] = [];
  const bodies: Visible[] = [];
  let start = 0;
  for (const one of visible) {
    const part = decompress(one.codec, records.subarray(one.start, one.end), topic);
    if (start > 0 && start + part.length > MOST_FETCH_BYTES) break;
    parts.push(part);
    bodies.push({ ...one, start, end: start + part.length });
    start += part.length;
  }
  return { bytes: Buffer.concat(parts, start), bodies };
};

/** A record has at least its length, attributes, times, offset, key, value and headers, a byte each. */
const LEAST_RECORD_BYTES = 7;

const readRecords = (
  { topic, partition }: { topic: string; partition: number },
  bytes: Buffer,
  bodies: readonly Visible[],
): RecordBatch => {
  let count = 0;
  for (const { base, count: own, start, end } of bodies) {
    if (own * LEAST_RECORD_BYTES > end - start) throw malformed({ topic, partition }, base);
    count += own;
  }
  const batch: RecordBatch = {
    topic,
    partition,
    count,
    offsets: new Float64Array(count),
    timestamps: new Float64Array(count),
    bytes,
    keyStart: new Int32Array(count),
    keyEnd: new Int32Array(count),
    valueStart: new Int32Array(count),
    valueEnd: new Int32Array(count),
  };
  const reader: VarintReader = { bytes, at: 0 };
  let index = 0;
  for (const one of bodies) {
    reader.at = one.start;
    readBatch(batch, reader, index, one);
    index += one.count;
  }
  return batch;
};

const readBatch = (batch: RecordBatch, reader: VarintReader, from: number, of: Visible): void => {
  const { offsets, timestamps, keyStart, keyEnd, valueStart, valueEnd } = batch;
  const stamped = !Number.isNaN(of.appendTime);
  for (let i = from; i < from + of.count; i++) {
    const length = readVarint(reader);
    const end = reader.at + length;
    if (length < LEAST_RECORD_BYTES - 1 || end > of.end) throw malformed(batch, of.base);
    reader.at += 1;
    const delta = readVarint(reader);
    timestamps[i] = stamped ? of.appendTime : of.baseTime + delta;
    offsets[i] = of.base + readVarint(reader);
    const key = readVarint(reader);
    keyStart[i] = key < 0 ? -1 : reader.at;
    if (key > 0) reader.at += key;
    keyEnd[i] = key < 0 ? -1 : reader.at;
    const value = readVarint(reader);
    valueStart[i] = value < 0 ? -1 : reader.at;
    if (value > 0) reader.at += value;
    valueEnd[i] = value < 0 ? -1 : reader.at;
    const headers = readVarint(reader);
    // Each header has two lengths.
    if (reader.at + 2 * headers > end) throw malformed(batch, of.base);
    if (headers > 0) headersOf(batch)[i] = readHeaders(reader, batch.bytes, headers);
    if (reader.at > end) throw malformed(batch, of.base);
    reader.at = end;
  }
};

const headersOf = (batch: RecordBatch): (Headers | undefined)[] => {
  const all = (batch.headers as (Headers | undefined)[] | undefined) ?? new Array<undefined>(batch.count);
  batch.headers = all;
  return all;
};

const readHeaders = (reader: VarintReader, bytes: Buffer, count: number): Headers => {
  const next = (): string => {
    const length = Math.max(0, readVarint(reader));
    const text = bytes.toString("utf8", reader.at, reader.at + length);
    reader.at += length;
    return text;
  };
  return Object.fromEntries(Array.from({ length: count }, () => [next(), next()]));
};
