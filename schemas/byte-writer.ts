/** Encodes Avro's primitives into one growing buffer that is used again after `reset`. */
export type ByteWriter = {
  reset(): void;
  long(value: number): void;
  double(value: number): void;
  float(value: number): void;
  string(value: string): void;
  raw(bytes: Uint8Array): void;
  /** An Avro array of floats: one block, then the end mark. */
  floats(values: Float32Array, from: number, count: number): void;
  longs(values: ArrayLike<number>): void;
  doubles(values: ArrayLike<number>): void;
  /** The bytes so far; valid until the next reset. */
  bytes(): Buffer;
};

export const byteWriter = (capacity = 4096): ByteWriter => {
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

  /** Zigzag varint; beyond 32 bits by division, since shifts truncate. */
  const long = (value: number): void => {
    reserve(10);
    if (value >= -1073741824 && value < 1073741824) {
      let zigzag = ((value << 1) ^ (value >> 31)) >>> 0;
      while (zigzag > 127) {
        buffer[at++] = (zigzag & 127) | 128;
        zigzag >>>= 7;
      }
      buffer[at++] = zigzag;
      return;
    }
    let high = value >= 0 ? value : -(value + 1);
    const negative = value < 0 ? 1 : 0;
    let byte = (high % 64) * 2 + negative;
    high = Math.floor(high / 64);
    while (high > 0) {
      buffer[at++] = byte | 128;
      byte = high % 128;
      high = Math.floor(high / 128);
    }
    buffer[at++] = byte;
  };

  return {
    reset: () => {
      at = 0;
    },
    long,
    double: (value) => {
      reserve(8);
      view.setFloat64(at, value, true);
      at += 8;
    },
    float: (value) => {
      reserve(4);
      view.setFloat32(at, value, true);
      at += 4;
    },
    string: (value) => {
      const length = value.length;
      reserve(length * 3 + 10);
      if (length < 64) {
        const start = at;
        buffer[at++] = length << 1;
        for (let i = 0; i < length; i++) {
          const unit = value.charCodeAt(i);
          if (unit > 127) {
            at = start;
            break;
          }
          buffer[at++] = unit;
        }
        if (at > start) return;
      }
      long(Buffer.byteLength(value));
      at += buffer.write(value, at);
    },
    raw: (bytes) => {
      reserve(bytes.length);
      buffer.set(bytes, at);
      at += bytes.length;
    },
    floats: (values, from, count) => {
      if (count > 0) {
        long(count);
        reserve(count * 4);
        for (let i = 0; i < count; i++) {
          view.setFloat32(at, values[from + i], true);
          at += 4;
        }
      }
      long(0);
    },
    longs: (values) => {
      if (values.length > 0) {
        long(values.length);
        for (let i = 0; i < values.length; i++) long(values[i]);
      }
      long(0);
    },
    doubles: (values) => {
      if (values.length > 0) {
        long(values.length);
        reserve(values.length * 8);
        for (let i = 0; i < values.length; i++) {
          view.setFloat64(at, values[i], true);
          at += 8;
        }
      }
      long(0);
    },
    bytes: () => buffer.subarray(0, at),
  };
};

/** Confluent's frame in front of an Avro body: a zero byte and the schema id, big-endian. */
export const frameHeader = (schemaId: number): Buffer => {
  const header = Buffer.alloc(5);
  header.writeUInt32BE(schemaId, 1);
  return header;
};
