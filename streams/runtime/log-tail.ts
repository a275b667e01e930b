import { type Broker, partitionKey, type RecordBatch, type Watermarks } from "../../infra/broker/port.ts";
import { recordDecoder } from "../../schemas/codec.ts";
import { isMillraceError } from "../../schemas/errors.ts";
import type { Input } from "../topology.ts";
import type { SchemaCache } from "./input.ts";

type Log = { broker: Broker; schemas: SchemaCache; input: Input };

/** Batches that are looked at: behind the last record there may be what commits take. */
const mostPolls = 4;

/** Event time of a partition's newest record, UTC ms; -Infinity where there is none that can be read. */
export const tailTime = async (log: Log, partition: number, { low, high }: Watermarks): Promise<number> => {
  const { broker, input } = log;
  if (high <= low) return Number.NEGATIVE_INFINITY;
  const { topic } = input;
  const from = Math.max(low, high - 1 - broker.commitMarkers);
  const reader = broker.reader({
    partitions: [{ topic, partition }],
    from: new Map([[partitionKey(topic, partition), from]]),
  });
  try {
    let last: RecordBatch | null = null;
    for (let polls = 0; polls < mostPolls; polls++) {
      const batch = await reader.poll(topic, partition);
      if (batch === null) break;
      last = batch;
      if (batch.offsets[batch.count - 1] + 1 >= high) break;
    }
    return last === null ? Number.NEGATIVE_INFINITY : timeOf(log, last, last.count - 1);
  } finally {
    await reader.close();
  }
};

const timeOf = ({ schemas, input }: Log, batch: RecordBatch, i: number): number => {
  try {
    const event = recordDecoder(input.source.schema, schemas.get).decode(
      batch.bytes,
      batch.valueStart[i],
      batch.valueEnd[i],
    );
    const time = input.timeOf(event);
    return Number.isFinite(time) ? time : Number.NEGATIVE_INFINITY;
  } catch (error) {
    // Whoever takes it makes it a dead letter.
    if (isMillraceError(error)) return Number.NEGATIVE_INFINITY;
    throw error;
  }
};
