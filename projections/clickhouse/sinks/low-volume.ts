import type { RecordBatch } from "../../../infra/broker/port.ts";
import type { RowBinaryWriter } from "../../../infra/warehouse/row-binary.ts";
import { valueDecoder } from "../../../schemas/codec.ts";
import { MillraceError } from "../../../schemas/errors.ts";
import { unpackNumbers } from "../../../schemas/packed.ts";
import {
  type DeadLetterRecord,
  type DriftRecord,
  deadLetterSchema,
  driftSchema,
  type TileRecord,
  tileSchema,
} from "../../../schemas/topics.ts";
import { originColumns, originWriter, rowBinaryEncoder, type Sink, type SinkKind } from "./sink.ts";

/** avsc wraps what is in a union, unless the reader is told not to. */
type DeadLetter = Omit<DeadLetterRecord, "schemaId" | "key" | "value"> & {
  schemaId: { int: number } | number | null;
  key: { bytes: Buffer } | Buffer | null;
  value: { bytes: Buffer } | Buffer | null;
};

/** A sink over decoded records, for topics of few of them. */
const decodedSink = <Value>(options: {
  kind: SinkKind;
  table: string;
  replaces?: boolean;
  columns: string;
  schema: object;
  write(value: Value, to: RowBinaryWriter): void;
}): Sink => {
  const read = valueDecoder<Value>(options.schema);
  const origin = originWriter();
  const decode = (batch: RecordBatch, i: number): Value => {
    try {
      return read(batch.bytes, batch.valueStart[i], batch.valueEnd[i]);
    } catch (cause) {
      const where = `${batch.topic}/${batch.partition} at ${batch.offsets[i]}`;
      throw new MillraceError("UNDECODABLE_RECORD", `${where}: ${(cause as Error).message}`, { cause });
    }
  };
  return {
    kind: options.kind,
    table: options.table,
    replaces: options.replaces,
    columns: `${originColumns}, ${options.columns}`,
    format: "RowBinary",
    encoder: () =>
      rowBinaryEncoder((batch, i, assignment, to) => {
        if (batch.valueStart[i] < 0) return false;
        const value = decode(batch, i);
        origin(batch, i, assignment, to);
        options.write(value, to);
        return true;
      }),
  };
};

export const driftSink = (): Sink =>
  decodedSink<DriftRecord>({
    kind: "drift",
    table: "drift",
    replaces: true,
    columns:
      "monitor, endpoint, model, version, column, statistic, value, threshold, drifted, window_from, window_to, rows",
    schema: driftSchema,
    write(value, to) {
      to.string(value.monitor);
      to.string(value.endpoint);
      to.string(value.model);
      to.u32(value.version);
      to.string(value.column);
      to.string(value.statistic);
      to.f64(value.value);
      to.f64(value.threshold);
      to.u8(value.drifted ? 1 : 0);
      to.dateTime64(value.from);
      to.dateTime64(value.to);
      to.i64(value.rows);
    },
  });

export const tileSink = (): Sink =>
  decodedSink<TileRecord>({
    kind: "tiles",
    table: "tiles",
    replaces: true,
    columns: "kind, endpoint, model, version, partition, tile_from, tile_to, watermark, rows, columns, bins, values",
    schema: tileSchema,
    write(value, to) {
      to.string(value.kind);
      to.string(value.endpoint);
      to.string(value.model);
      to.u32(value.version);
      to.u32(value.partition);
      to.dateTime64(value.from);
      to.dateTime64(value.to);
      to.dateTime64(value.watermark);
      to.i64(value.rows);
      to.varint(value.columns.length);
      for (const column of value.columns) to.string(column);
      to.varint(value.bins.length);
      for (const bins of value.bins) to.u32(bins);
      to.f64Array(unpackNumbers(value.values, value.length));
    },
  });

/** A value of a union as avsc gives it, wrapped or not. */
const unwrapped = <T>(value: T | Record<string, T> | null, name: string): T | null =>
  value !== null && typeof value === "object" && name in value
    ? (value as Record<string, T>)[name]
    : (value as T | null);

const nullable = <T>(value: T | null, to: RowBinaryWriter, write: (value: T) => void): void => {
  to.u8(value === null ? 1 : 0);
  if (value !== null) write(value);
};

export const deadLetterSink = (): Sink =>
  decodedSink<DeadLetter>({
    kind: "deadLetters",
    table: "dead_letters",
    columns: "stage, code, message, topic, partition, offset, schema_id, key, value, timestamp, failed_at",
    schema: deadLetterSchema,
    write(letter, to) {
      const bytes = (value: Buffer): void => to.stringBytes(value, 0, value.length);
      to.string(letter.stage);
      to.string(letter.code);
      to.string(letter.message);
      to.string(letter.topic);
      to.u32(letter.partition);
      to.i64(letter.offset);
      nullable(unwrapped<number>(letter.schemaId, "int"), to, (id) => to.u32(id));
      nullable(unwrapped<Buffer>(letter.key as Buffer | null, "bytes"), to, bytes);
      nullable(unwrapped<Buffer>(letter.value as Buffer | null, "bytes"), to, bytes);
      to.dateTime64(letter.timestamp);
      to.dateTime64(letter.failedAt);
    },
  });
