import type { Headers } from "../port.ts";
import { codecNumber, compress } from "./compression.ts";
import { crc32c } from "./crc32c.ts";
import type { Codec } from "./url.ts";
import { putVarint, varintSize } from "./varint.ts";

/** Who writes a batch: what lets Kafka refuse a repetition and hide what is not committed. */
export type Identity = { id: bigint; epoch: number; sequence: number; transactional: boolean };

/**
 * Grows one record batch of Kafka's format (version 2); bytes are copied at `add`. See "Record Batch" in Kafka's
 * documentation, Implementation, Message Format.
 */
export type BatchEncoder = {
  readonly count: number;
  /** Bytes so far, not compressed, header included. */
  readonly size: number;
  /** Timestamps are kept in whole milliseconds. */
  add(key: Buffer | string | null, value: Buffer | null, timestamp: number, headers?: Headers): void;
  /** The whole batch; a view on the encoder's memory, good until the next `add`, `finish` or `reset`. */
  finish(identity: Identity, codec: Codec): Buffer;
  reset(): void;
};

export const BATCH_HEADER_BYTES = 61;

/** What a record takes beside its key, value and headers, at most. */
const RECORD_BYTES = 32;
const SHORT = 24;
/** An encoder that had to grow beyond this is not kept. */
const KEEP_BYTES = 2 << 20;
const TRANSACTIONAL = 0x10;

export const batchEncoder = (): BatchEncoder => {
  let buffer = Buffer.allocUnsafeSlow(16_384);
  let end = BATCH_HEADER_BYTES;
  let count = 0;
  let baseTime = 0;
  let maxTime = 0;

  const reserve = (bytes: number): void => {
    if (end + bytes <= buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(buffer.length * 2, end + bytes));
    buffer.copy(larger, 0, 0, end);
    buffer = larger;
  };

  const put = (value: number): void => {
    end = putVarint(buffer, end, value);
  };

  const putBytes = (bytes: Buffer): void => {
    const { length } = bytes;
    put(length);
    if (length < SHORT) for (let i = 0; i < length; i++) buffer[end + i] = bytes[i];
    else buffer.set(bytes, end);
    end += length;
  };

  const putText = (text: string, length: number): void => {
    put(length);
    if (length === text.length && length < SHORT) {
      for (let i = 0; i < length; i++) buffer[end + i] = text.charCodeAt(i);
    } else buffer.write(text, end, "utf8");
    end += length;
  };

  return {
    get count() {
      return count;
    },
    get size() {
      return end;
    },
    add(key, value, timestamp, headers) {
      const time = Math.floor(timestamp);
      if (count === 0) {
        baseTime = time;
        maxTime = time;
      } else if (time > maxTime) maxTime = time;
      const keyLength = key === null ? -1 : typeof key === "string" ? textLength(key) : key.length;
      const valueLength = value === null ? -1 : value.length;
      const given = headers === undefined ? [] : Object.entries(headers);
      const headerBytes = sizeOfHeaders(given);
      const delta = time - baseTime;
      const length =
        1 +
        varintSize(delta) +
        varintSize(count) +
        varintSize(keyLength) +
        Math.max(0, keyLength) +
        varintSize(valueLength) +
        Math.max(0, valueLength) +
        varintSize(given.length) +
        headerBytes;
      reserve(length + RECORD_BYTES);
      put(length);
      buffer[end++] = 0;
      put(delta);
      put(count);
      if (key === null) put(-1);
      else if (typeof key === "string") putText(key, keyLength);
      else putBytes(key);
      if (value === null) put(-1);
      else putBytes(value);
      put(given.length);
      for (const [name, text] of given) {
        putText(name, textLength(name));
        putText(text, textLength(text));
      }
      count++;
    },
    finish(identity, codec) {
      const batch = codec === "none" ? buffer.subarray(0, end) : compressed(buffer.subarray(0, end), codec);
      batch.writeBigInt64BE(0n, 0);
      batch.writeInt32BE(batch.length - 12, 8);
      batch.writeInt32BE(-1, 12);
      batch[16] = 2;
      batch.writeInt16BE((identity.transactional ? TRANSACTIONAL : 0) | codecNumber(codec), 21);
      batch.writeInt32BE(count - 1, 23);
      batch.writeBigInt64BE(BigInt(baseTime), 27);
      batch.writeBigInt64BE(BigInt(maxTime), 35);
      batch.writeBigInt64BE(identity.id, 43);
      batch.writeInt16BE(identity.epoch, 51);
      batch.writeInt32BE(identity.sequence, 53);
      batch.writeInt32BE(count, 57);
      batch.writeUInt32BE(crc32c(batch, 21, batch.length), 17);
      return batch;
    },
    reset() {
      end = BATCH_HEADER_BYTES;
      count = 0;
      if (buffer.length > KEEP_BYTES) buffer = Buffer.allocUnsafeSlow(16_384);
    },
  };
};

const compressed = (batch: Buffer, codec: Codec): Buffer =>
  Buffer.concat([batch.subarray(0, BATCH_HEADER_BYTES), compress(codec, batch.subarray(BATCH_HEADER_BYTES))]);

/** Bytes of a text in UTF-8; most keys are short and ASCII. */
export const textLength = (text: string): number => {
  const { length } = text;
  if (length >= SHORT) return Buffer.byteLength(text);
  for (let i = 0; i < length; i++) if (text.charCodeAt(i) > 0x7f) return Buffer.byteLength(text);
  return length;
};

const sizeOfHeaders = (headers: readonly [string, string][]): number => {
  let size = 0;
  for (const pair of headers) {
    for (const text of pair) {
      const length = textLength(text);
      size += varintSize(length) + length;
    }
  }
  return size;
};
