/** ClickHouse's RowBinary, little-endian, into one growing buffer that `reset` uses again. */
export type RowBinaryWriter = {
  reset(): void;
  readonly length: number;
  /** Forgets what was written behind this length. */
  truncate(length: number): void;
  u8(value: number): void;
  u32(value: number): void;
  /** A whole number within +-2^53. */
  i64(value: number): void;
  f32(value: number): void;
  f64(value: number): void;
  /** Unsigned LEB128, up to 2^53: lengths of strings and arrays. */
  varint(value: number): void;
  string(value: string): void;
  /** A string whose UTF-8 bytes are at hand. */
  stringBytes(source: Uint8Array, start: number, end: number): void;
  /** Bytes that are RowBinary already. */
  raw(source: Uint8Array, start: number, end: number): void;
  /** DateTime64(3): UTC milliseconds. */
  dateTime64(milliseconds: number): void;
  f64Array(values: ArrayLike<number>): void;
  /** What was written so far; valid until the next write or reset. */
  bytes(): Buffer;
};

export const rowBinaryWriter = (capacity = 1 << 16): RowBinaryWriter => {
  let buffer = Buffer.allocUnsafeSlow(capacity);
  let view = new DataView(buffer.buffer);
  let at = 0;

  const reserve = (more: number): void => {
    if (at + more <= buffer.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(buffer.length * 2, at + more));
    buffer.copy(grown, 0, 0, at);
    buffer = grown;
    view = new DataView(buffer.buffer);
  };
  const varint = (value: number): void => {
    reserve(8);
    let left = value;
    while (left > 127) {
      buffer[at++] = (left % 128) | 128;
      left = Math.floor(left / 128);
    }
    buffer[at++] = left;
  };
  const i64 = (value: number): void => {
    reserve(8);
    view.setUint32(at, value >>> 0, true);
    view.setInt32(at + 4, Math.floor(value / 4294967296), true);
    at += 8;
  };
  const raw = (source: Uint8Array, start: number, end: number): void => {
    const count = end - start;
    reserve(count);
    if (count < 48) for (let i = start; i < end; i++) buffer[at++] = source[i];
    else {
      buffer.set(source.subarray(start, end), at);
      at += count;
    }
  };

  return {
    reset() {
      at = 0;
    },
    get length() {
      return at;
    },
    truncate(length) {
      at = length;
    },
    u8(value) {
      reserve(1);
      buffer[at++] = value;
    },
    u32(value) {
      reserve(4);
      view.setUint32(at, value, true);
      at += 4;
    },
    i64,
    f32(value) {
      reserve(4);
      view.setFloat32(at, value, true);
      at += 4;
    },
    f64(value) {
      reserve(8);
      view.setFloat64(at, value, true);
      at += 8;
    },
    varint,
    string(value) {
      varint(Buffer.byteLength(value));
      reserve(value.length * 3);
      at += buffer.write(value, at);
    },
    stringBytes(source, start, end) {
      varint(end - start);
      raw(source, start, end);
    },
    raw,
    dateTime64: i64,
    f64Array(values) {
      varint(values.length);
      reserve(values.length * 8);
      for (let i = 0; i < values.length; i++) {
        view.setFloat64(at, values[i], true);
        at += 8;
      }
    },
    bytes: () => buffer.subarray(0, at),
  };
};
