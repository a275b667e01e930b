import type { RecordBatch } from "../../infra/broker/port.ts";
import { schemaIdOf } from "../../schemas/codec.ts";
import { asMillraceError, MillraceError } from "../../schemas/errors.ts";
import type { Refused } from "../runtime/input.ts";

/** A record, alone in its batch so that it keeps no other in memory, and why a view was built without it. */
export type UnreadRecord = { batch: RecordBatch; refused: Refused };

/** Records that a task has taken, and without which views were built since: their source's schema reads them no more. */
export type UnreadRecords = {
  /** How many, by view. */
  readonly counts: ReadonlyMap<string, number>;
  set(view: string, count: number): void;
  add(view: string, batch: RecordBatch, index: number, error: unknown): void;
  /** Those that no dead letter tells of yet; each is given once. */
  untold(): UnreadRecord[];
};

/** So many records and bytes become dead letters; what is beyond is counted only. */
const maxUntold = 10_000;
const maxUntoldBytes = 16 << 20;

export const unreadRecords = (): UnreadRecords => {
  const counts = new Map<string, number>();
  let untold: UnreadRecord[] = [];
  let bytes = 0;
  return {
    counts,
    set: (view, count) => {
      if (count > 0) counts.set(view, count);
      else counts.delete(view);
    },
    add: (view, batch, index, cause) => {
      counts.set(view, (counts.get(view) ?? 0) + 1);
      const length = batch.valueEnd[index] - batch.valueStart[index];
      if (untold.length >= maxUntold || bytes + length > maxUntoldBytes) return;
      bytes += length;
      const { code, message } = asMillraceError(cause);
      const error = new MillraceError(code, `the view "${view}" is built without this record: ${message}`, { cause });
      const schemaId = schemaIdOf(batch.bytes, batch.valueStart[index], batch.valueEnd[index]);
      untold.push({ batch: alone(batch, index), refused: { index: 0, error, schemaId } });
    },
    untold: () => {
      const given = untold;
      untold = [];
      bytes = 0;
      return given;
    },
  };
};

const alone = (batch: RecordBatch, index: number): RecordBatch => {
  const { topic, partition } = batch;
  const hasKey = batch.keyStart[index] >= 0;
  const key = hasKey ? batch.bytes.subarray(batch.keyStart[index], batch.keyEnd[index]) : Buffer.alloc(0);
  const value = batch.bytes.subarray(batch.valueStart[index], batch.valueEnd[index]);
  return {
    topic,
    partition,
    count: 1,
    offsets: Float64Array.of(batch.offsets[index]),
    timestamps: Float64Array.of(batch.timestamps[index]),
    bytes: Buffer.concat([key, value]),
    keyStart: Int32Array.of(hasKey ? 0 : -1),
    keyEnd: Int32Array.of(hasKey ? key.length : -1),
    valueStart: Int32Array.of(key.length),
    valueEnd: Int32Array.of(key.length + value.length),
  };
};
