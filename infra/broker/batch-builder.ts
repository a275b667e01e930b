import { columnBytes, HEADER_BYTES, writeColumns } from "./batch.ts";
import type { Headers } from "./port.ts";

/**
 * Grows one stored batch (see batch.ts). Bytes are copied at `add`; `encode` gives a view on the builder's own memory,
 * good until the next `add` or `reset`.
 */
export type BatchBuilder = {
  readonly count: number;
  /** Bytes of keys and values so far, header included. */
  readonly size: number;
  readonly minTimestamp: number;
  readonly maxTimestamp: number;
  /** `delta`: offset less the batch's base, given for every record of a batch with holes or for none. */
  add(key: Buffer | string | null, value: Buffer | null, timestamp: number, headers?: Headers, delta?: number): void;
  encode(): Buffer;
  reset(): void;
};

/** A batch is sealed and the next one begun beyond this: it bounds what a reader must take at once. */
export const SEAL_BYTES = 1 << 20;
export const SEAL_RECORDS = 16_384;

/** A builder that had to grow beyond this is not kept for the next batch. */
const KEEP_BYTES = 4 << 20;

/** Below this a plain loop beats the call into native code. */
const SHORT = 24;

export const batchBuilder = (): BatchBuilder => {
  let buffer = Buffer.allocUnsafeSlow(4096);
  let timestamps = new Float64Array(64);
  let keys = new Int32Array(64);
  let values = new Int32Array(64);
  let deltas: Int32Array | null = null;
  let headers: [number, Headers][] = [];
  let count = 0;
  let end = HEADER_BYTES;
  let minTimestamp = Number.POSITIVE_INFINITY;
  let maxTimestamp = Number.NEGATIVE_INFINITY;

  const reserve = (bytes: number): void => {
    if (end + bytes <= buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(buffer.length * 2, end + bytes));
    buffer.copy(larger, 0, 0, end);
    buffer = larger;
  };

  const widen = (): void => {
    timestamps = grown(timestamps, new Float64Array(count * 2));
    keys = grown(keys, new Int32Array(count * 2));
    values = grown(values, new Int32Array(count * 2));
    if (deltas !== null) deltas = grown(deltas, new Int32Array(count * 2));
  };

  const putBytes = (bytes: Buffer): number => {
    const { length } = bytes;
    reserve(length);
    if (length < SHORT) for (let i = 0; i < length; i++) buffer[end + i] = bytes[i];
    else buffer.set(bytes, end);
    end += length;
    return length;
  };

  const putText = (text: string): number => {
    const { length } = text;
    reserve(length * 3);
    if (length < SHORT) {
      let i = 0;
      for (; i < length; i++) {
        const code = text.charCodeAt(i);
        if (code > 0x7f) break;
        buffer[end + i] = code;
      }
      if (i === length) {
        end += length;
        return length;
      }
    }
    const written = buffer.write(text, end, "utf8");
    end += written;
    return written;
  };

  return {
    get count() {
      return count;
    },
    get size() {
      return end;
    },
    get minTimestamp() {
      return minTimestamp;
    },
    get maxTimestamp() {
      return maxTimestamp;
    },
    add(key, value, timestamp, recordHeaders, delta) {
      if (count === timestamps.length) widen();
      keys[count] = key === null ? -1 : typeof key === "string" ? putText(key) : putBytes(key);
      values[count] = value === null ? -1 : putBytes(value);
      timestamps[count] = timestamp;
      if (timestamp < minTimestamp) minTimestamp = timestamp;
      if (timestamp > maxTimestamp) maxTimestamp = timestamp;
      if (recordHeaders !== undefined) headers.push([count, recordHeaders]);
      if (delta !== undefined) {
        deltas ??= new Int32Array(timestamps.length);
        deltas[count] = delta;
      }
      count++;
    },
    encode() {
      const json = headers.length === 0 ? null : Buffer.from(JSON.stringify(headers));
      reserve(8 + columnBytes(count) + (json?.length ?? 0));
      const length = writeColumns(buffer, end, count, { timestamps, keys, values, deltas }, json);
      return buffer.subarray(0, length);
    },
    reset() {
      count = 0;
      end = HEADER_BYTES;
      deltas = null;
      headers = [];
      minTimestamp = Number.POSITIVE_INFINITY;
      maxTimestamp = Number.NEGATIVE_INFINITY;
      if (buffer.length > KEEP_BYTES) buffer = Buffer.allocUnsafeSlow(4096);
    },
  };
};

const grown = <T extends Float64Array | Int32Array>(from: T, to: T): T => {
  to.set(from);
  return to;
};
