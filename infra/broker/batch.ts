import { crc32 } from "node:zlib";
import { MillraceError } from "../../schemas/errors.ts";
import type { Headers, OutputRecord, RecordBatch } from "./port.ts";

/**
 * The stored form of a record batch: what the SQLite broker keeps as one blob.
 *
 * Little-endian, every column aligned to 8 bytes from the start of the blob, so that a reader lays typed arrays
 * over the bytes instead of parsing them. The base offset is kept beside the blob, not in it.
 *
 * | at            | what                                                              |
 * |---------------|-------------------------------------------------------------------|
 * | 0             | u32: version (2), flags (bit 8: offset deltas, bit 9: headers)     |
 * | 4             | u32: count                                                        |
 * | 8             | u32: `columns`, where the columns begin                           |
 * | 12            | u32: CRC-32 of all other bytes (0 in version 1, which has none)   |
 * | 16            | key bytes and value bytes of each record, in order                |
 * | columns       | f64 timestamps, i32 key lengths, i32 value lengths (-1 is null)   |
 * | then, flagged | i32 offset deltas; JSON array of [index, headers]                 |
 */
const VERSION = 2;
/** Batches of releases before 0.2 have no checksum; the rest is the same. */
const WITHOUT_CHECKSUM = 1;
const CHECKSUM_AT = 12;
const WITH_DELTAS = 1 << 8;
const WITH_HEADERS = 1 << 9;
export const HEADER_BYTES = 16;

export type StoredBatch = { base: number; count: number; bytes: Uint8Array };

const align = (at: number): number => (at + 7) & ~7;

/** Bytes that the columns of so many records take. */
export const columnBytes = (count: number): number => align(count * 20);

/** CRC-32 of a blob but for the checksum itself. */
const checksumOf = (blob: Uint8Array): number =>
  crc32(blob.subarray(HEADER_BYTES), crc32(blob.subarray(0, CHECKSUM_AT)));

/** Writes header and columns into `buffer`, whose body ends at `end`; answers the length of the blob. */
export const writeColumns = (
  buffer: Buffer,
  end: number,
  count: number,
  columns: { timestamps: Float64Array; keys: Int32Array; values: Int32Array; deltas: Int32Array | null },
  headers: Buffer | null,
): number => {
  const start = align(end);
  const { buffer: memory, byteOffset } = buffer;
  const header = new Uint32Array(memory, byteOffset, 4);
  header[0] = VERSION | (columns.deltas === null ? 0 : WITH_DELTAS) | (headers === null ? 0 : WITH_HEADERS);
  header[1] = count;
  header[2] = start;
  header[3] = 0;
  new Float64Array(memory, byteOffset + start, count).set(columns.timestamps.subarray(0, count));
  const ints = new Int32Array(memory, byteOffset + start + count * 8, count * (columns.deltas === null ? 2 : 3));
  ints.set(columns.keys.subarray(0, count));
  ints.set(columns.values.subarray(0, count), count);
  if (columns.deltas !== null) ints.set(columns.deltas.subarray(0, count), count * 2);
  const at = start + count * 8 + ints.byteLength;
  if (headers !== null) headers.copy(buffer, at);
  const length = at + (headers?.length ?? 0);
  header[3] = checksumOf(buffer.subarray(0, length));
  return length;
};

/** Stored batches of one partition, in order, as one `RecordBatch`. One batch alone is not copied. */
export const readBatches = (topic: string, partition: number, rows: readonly StoredBatch[]): RecordBatch => {
  let total = 0;
  let size = 0;
  for (const row of rows) {
    total += row.count;
    size += align(row.bytes.length);
  }
  const bytes = rows.length === 1 ? aligned(rows[0].bytes) : Buffer.allocUnsafeSlow(size);
  const doubles = new Float64Array(bytes.buffer, bytes.byteOffset, bytes.length >> 3);
  const ints = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
  const batch: RecordBatch = {
    topic,
    partition,
    count: total,
    offsets: new Float64Array(total),
    timestamps: new Float64Array(total),
    bytes,
    keyStart: new Int32Array(total),
    keyEnd: new Int32Array(total),
    valueStart: new Int32Array(total),
    valueEnd: new Int32Array(total),
  };
  let index = 0;
  let at = 0;
  for (const row of rows) {
    if (rows.length > 1) bytes.set(row.bytes, at);
    readColumns(batch, index, doubles, ints, at, row);
    index += row.count;
    at += align(row.bytes.length);
  }
  return batch;
};

/** A blob from SQLite has memory of its own; one that lies askew in another's is moved. */
const aligned = (blob: Uint8Array): Buffer => {
  if (blob.byteOffset % 8 === 0) return Buffer.from(blob.buffer, blob.byteOffset, blob.length);
  const copy = Buffer.allocUnsafeSlow(blob.length);
  copy.set(blob);
  return copy;
};

/** Before a length in it is believed. CORRUPT_BATCH says where. */
const checkBatch = ({ topic, partition }: RecordBatch, version: number, { base, bytes, count }: StoredBatch): void => {
  const isKnown = bytes.length >= HEADER_BYTES && (version === VERSION || version === WITHOUT_CHECKSUM);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const isWhole =
    isKnown &&
    view.getUint32(4, true) === count &&
    (version === WITHOUT_CHECKSUM || view.getUint32(CHECKSUM_AT, true) === checksumOf(bytes));
  if (isWhole) return;
  const why = isKnown ? "does not match its checksum" : `is damaged, or of a later release (version ${version})`;
  throw new MillraceError(
    "CORRUPT_BATCH",
    `the stored batch of ${topic}/${partition} at offset ${base} ${why}: restore the log from a backup`,
    { details: { topic, partition, offset: base } },
  );
};

const readColumns = (
  batch: RecordBatch,
  index: number,
  doubles: Float64Array,
  ints: Int32Array,
  at: number,
  row: StoredBatch,
): void => {
  const word = at >> 2;
  const flags = ints[word];
  const count = ints[word + 1];
  checkBatch(batch, flags & 0xff, row);
  const start = at + ints[word + 2];
  const { offsets, timestamps, keyStart, keyEnd, valueStart, valueEnd } = batch;
  const times = start >> 3;
  const keys = (start >> 2) + count * 2;
  const values = keys + count;
  const deltas = (flags & WITH_DELTAS) === 0 ? -1 : values + count;
  let byte = at + HEADER_BYTES;
  for (let i = 0, to = index; i < count; i++, to++) {
    offsets[to] = row.base + (deltas < 0 ? i : ints[deltas + i]);
    timestamps[to] = doubles[times + i];
    const key = ints[keys + i];
    if (key < 0) {
      keyStart[to] = -1;
      keyEnd[to] = -1;
    } else {
      keyStart[to] = byte;
      byte += key;
      keyEnd[to] = byte;
    }
    const value = ints[values + i];
    if (value < 0) {
      valueStart[to] = -1;
      valueEnd[to] = -1;
    } else {
      valueStart[to] = byte;
      byte += value;
      valueEnd[to] = byte;
    }
  }
  if ((flags & WITH_HEADERS) !== 0) {
    const from = start + count * 16 + (deltas < 0 ? 0 : count * 4);
    readHeaders(batch, index, from, at + row.bytes.length);
  }
};

const readHeaders = (batch: RecordBatch, index: number, from: number, to: number): void => {
  const all = (batch.headers as (Headers | undefined)[] | undefined) ?? new Array<Headers | undefined>(batch.count);
  for (const [i, headers] of JSON.parse(batch.bytes.toString("utf8", from, to)) as [number, Headers][]) {
    all[index + i] = headers;
  }
  batch.headers = all;
};

/** Records `from` (inclusive) to `to` of the batch: a view on the same memory. */
export const sliceBatch = (batch: RecordBatch, from: number, to: number): RecordBatch => {
  if (from === 0 && to === batch.count) return batch;
  const slice: RecordBatch = {
    topic: batch.topic,
    partition: batch.partition,
    count: to - from,
    offsets: batch.offsets.subarray(from, to),
    timestamps: batch.timestamps.subarray(from, to),
    bytes: batch.bytes,
    keyStart: batch.keyStart.subarray(from, to),
    keyEnd: batch.keyEnd.subarray(from, to),
    valueStart: batch.valueStart.subarray(from, to),
    valueEnd: batch.valueEnd.subarray(from, to),
  };
  if (batch.headers !== undefined) slice.headers = batch.headers.slice(from, to);
  return slice;
};

/** Index of the first record at or after an offset; `count` when there is none. */
export const indexOfOffset = (batch: RecordBatch, offset: number): number => {
  let low = 0;
  let high = batch.count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (batch.offsets[middle] < offset) low = middle + 1;
    else high = middle;
  }
  return low;
};

/** Key of record i as text, or null. */
export const recordKey = (batch: RecordBatch, i: number): string | null =>
  batch.keyStart[i] < 0 ? null : batch.bytes.toString("utf8", batch.keyStart[i], batch.keyEnd[i]);

/** Value of record i, a view on the batch's bytes, or null for a tombstone. */
export const recordValue = (batch: RecordBatch, i: number): Buffer | null =>
  batch.valueStart[i] < 0 ? null : batch.bytes.subarray(batch.valueStart[i], batch.valueEnd[i]);

/** Records as a batch: for tests, and for adapters that get their records one by one. Offsets are dense from `base` unless given. */
export const toBatch = (
  topic: string,
  partition: number,
  records: readonly (Omit<OutputRecord, "partition"> & { offset?: number })[],
  base = 0,
): RecordBatch => {
  const count = records.length;
  const parts: Buffer[] = [];
  const batch: RecordBatch = {
    topic,
    partition,
    count,
    offsets: new Float64Array(count),
    timestamps: new Float64Array(count),
    bytes: Buffer.alloc(0),
    keyStart: new Int32Array(count).fill(-1),
    keyEnd: new Int32Array(count).fill(-1),
    valueStart: new Int32Array(count).fill(-1),
    valueEnd: new Int32Array(count).fill(-1),
  };
  let at = 0;
  const place = (start: Int32Array, end: Int32Array, i: number, part: Buffer | string | null): void => {
    if (part === null) return;
    const bytes = typeof part === "string" ? Buffer.from(part) : part;
    parts.push(bytes);
    start[i] = at;
    at += bytes.length;
    end[i] = at;
  };
  records.forEach((record, i) => {
    batch.offsets[i] = record.offset ?? base + i;
    batch.timestamps[i] = record.timestamp;
    place(batch.keyStart, batch.keyEnd, i, record.key);
    place(batch.valueStart, batch.valueEnd, i, record.value);
  });
  batch.bytes = Buffer.concat(parts);
  if (records.some((record) => record.headers !== undefined)) batch.headers = records.map((record) => record.headers);
  return batch;
};
