import { createHash } from "node:crypto";
import type { RecordBatch } from "../../infra/broker/port.ts";
import { partitionKey } from "../../infra/broker/port.ts";
import { asMillraceError, type MillraceError } from "../../schemas/errors.ts";
import type { Sink, SinkAssignment } from "./sinks/sink.ts";

/** Rows of one table on their way into the warehouse, with the range of each partition that they came from. */
export type Rows = {
  readonly count: number;
  /** Bytes so far, about. */
  readonly length: number;
  /** In the sink's format; valid until more is added. */
  bytes(): Buffer;
  /** Records taken, with or without a row. */
  readonly records: number;
  /** The same for the same records of the same logs: an insert that is sent again is recognised by it. */
  token(logs: string): string;
  /** First and last offset by `topic/partition`. */
  readonly ranges: ReadonlyMap<string, { first: number; last: number }>;
  add(batch: RecordBatch, assignment: SinkAssignment): void;
  reset(): void;
};

/** A record that cannot be decoded is left out and told; the others go on. */
export const rowsOf = (sink: Sink, onSkipped: (error: MillraceError) => void): Rows => {
  const encoder = sink.encoder();
  const ranges = new Map<string, { first: number; last: number }>();
  let count = 0;
  let records = 0;
  return {
    get count() {
      return count;
    },
    get length() {
      return encoder.length;
    },
    bytes: () => encoder.bytes(),
    get records() {
      return records;
    },
    ranges,
    token(logs) {
      const hash = createHash("sha256").update(`${sink.table}|${logs}`);
      for (const [key, { first, last }] of ranges) hash.update(`|${key}:${first}-${last}`);
      return hash.digest("hex");
    },
    add(batch, assignment) {
      for (let i = 0; i < batch.count; i++) {
        try {
          if (encoder.append(batch, i, assignment)) count++;
        } catch (error) {
          onSkipped(asMillraceError(error));
        }
      }
      records += batch.count;
      const key = partitionKey(batch.topic, batch.partition);
      const range = ranges.get(key);
      const last = batch.offsets[batch.count - 1];
      if (range === undefined) ranges.set(key, { first: batch.offsets[0], last });
      else range.last = last;
    },
    reset() {
      encoder.reset();
      ranges.clear();
      count = 0;
      records = 0;
    },
  };
};
