import type { RecordBatch } from "../../../infra/broker/port.ts";
import type { RowFormat } from "../../../infra/warehouse/open.ts";
import { type RowBinaryWriter, rowBinaryWriter } from "../../../infra/warehouse/row-binary.ts";

/** A topic that goes into the warehouse, and whose it is. */
export type SinkAssignment =
  | { kind: "predictions" | "outcomes"; project: string; endpoint: string; topic: string }
  | { kind: "drift" | "tiles" | "deadLetters" | "metrics"; project: string; topic: string }
  | { kind: "changelog"; project: string; application: string; topic: string };

export type SinkKind = SinkAssignment["kind"];

/** One table's way from records to RowBinary rows. */
export type Sink = {
  kind: SinkKind;
  table: string;
  /** The table under whose name the marks of its logs are kept, where that is another: a twin that is being built. */
  store?: string;
  /** A row takes the place of an older one with another record's offset: what was replaced is not in the table. */
  replaces?: boolean;
  /** In the order in which the rows have them. */
  columns: string;
  format: RowFormat;
  /** Rows of an insert. Two are in use at once: one is sent while the other is filled. */
  encoder(): RowEncoder;
};

export type RowEncoder = {
  /**
   * Adds the row of record `i`; false where the record gives none. UNDECODABLE_RECORD, with nothing added, where its
   * bytes are not what the topic's schema says.
   */
  append(batch: RecordBatch, i: number, assignment: SinkAssignment): boolean;
  /** Bytes so far, about. */
  readonly length: number;
  /** The rows in the sink's format; valid until the next row or reset. */
  bytes(): Buffer;
  reset(): void;
};

/** Writes the row of record `i`, as `RowEncoder.append` does, but may leave it half written where it fails. */
export type WriteRow = (batch: RecordBatch, i: number, assignment: SinkAssignment, to: RowBinaryWriter) => boolean;

/** Rows one after the other: for sinks of few. */
export const rowBinaryEncoder = (write: WriteRow): RowEncoder => {
  const writer = rowBinaryWriter(1 << 16);
  return {
    append(batch, i, assignment) {
      const before = writer.length;
      try {
        return write(batch, i, assignment, writer);
      } catch (error) {
        writer.truncate(before);
        throw error;
      }
    },
    get length() {
      return writer.length;
    },
    bytes: () => writer.bytes(),
    reset: () => writer.reset(),
  };
};

export const originColumns = "project, _topic, _partition, _offset";

/** Writes `originColumns`: what all but the offset holds is encoded once a topic and partition. */
export const originWriter = (): ((
  batch: RecordBatch,
  i: number,
  assignment: SinkAssignment,
  to: RowBinaryWriter,
) => void) => {
  const known = new Map<string, Buffer>();
  let lastBatch: RecordBatch | null = null;
  let last: Buffer = Buffer.alloc(0);
  return (batch, i, assignment, to) => {
    if (batch !== lastBatch) {
      lastBatch = batch;
      const key = `${batch.topic}/${batch.partition}`;
      const found = known.get(key);
      if (found === undefined) {
        const writer = rowBinaryWriter(256);
        writer.string(assignment.project);
        writer.string(batch.topic);
        writer.u32(batch.partition);
        last = Buffer.from(writer.bytes());
        known.set(key, last);
      } else {
        last = found;
      }
    }
    to.raw(last, 0, last.length);
    to.i64(batch.offsets[i]);
  };
};

/** Confluent's frame before the Avro bytes: a zero byte and the schema id. */
export const frameBytes = 5;
