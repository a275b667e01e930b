import type { Broker, RecordBatch } from "../infra/broker/port.ts";
import { partitionKey } from "../infra/broker/port.ts";
import { avroType, frameBytes, valueDecoder } from "../schemas/codec.ts";
import { outcomeSchema, topicOf } from "../schemas/topics.ts";
import type { Outcome } from "./clickhouse/read/predictions.ts";
import { seekKey } from "./log-search.ts";
import type { LoggedPrediction } from "./prediction-log.ts";

/** So many records are looked through; who waits that long for its outcome is found faster in the warehouse. */
const mostRecords = 32_768;
/** A search that is so near goes on by reading. */
const nearRecords = 512;

type Stored = { outcome: number; outcomeAt: number; topic: string; offset: number };

/**
 * A prediction's outcome out of its topic, for a fraction of what a warehouse query costs. Outcomes lie in the order
 * of the events that brought them, and a prediction's `positions` say which event its task had come to when it was
 * made: its outcome, if there is one, lies behind. "none" where the log says that none has come yet; "unknown" where
 * it does not say: the outcome would lie further on than is looked, or before what retention has left.
 */
export const outcomeLog = (broker: Broker) => ({
  async find(project: string, prediction: LoggedPrediction): Promise<Outcome | "none" | "unknown"> {
    const { endpoint, partition } = prediction.place;
    const topic = topicOf.outcomes(project, endpoint);
    if ((await broker.topic(topic)) === null) return "unknown";
    const bounds = (await broker.watermarks(topic))[partition];
    if (bounds === undefined) return "unknown";
    const partitions = [{ topic, partition }];
    const from = new Map([[partitionKey(topic, partition), bounds.low]]);
    // One stored batch a step, whatever its size.
    const reader = broker.reader({ partitions, from, maxBytes: 1 });
    const poll = (): Promise<RecordBatch | null> => reader.poll(topic, partition);
    const read = (at: number): Promise<RecordBatch | null> => {
      reader.seek(topic, partition, at);
      return poll();
    };
    try {
      const guess = Math.max(bounds.low, Math.min(prediction.offset, bounds.high - 1));
      const there = await read(guess);
      if (there === null) return bounds.high === 0 ? "none" : "unknown";
      const wanted = earliestEvent(prediction, decode(there, 0).topic);
      if (wanted === null) return "unknown";
      const keyOf = (batch: RecordBatch, index: number): number => decode(batch, index).offset;
      const search = { read: async (at: number) => (at === guess ? there : read(at)), bounds, wanted, keyOf, guess };
      const start = (await seekKey({ ...search, near: nearRecords })).from;
      const found = await scan(read, poll, start, prediction.id);
      return found === "none" && start === bounds.low && bounds.low > 0 ? "unknown" : found;
    } finally {
      await reader.close();
    }
  },
});

/**
 * Where in the topic of outcome events the task was, or somewhat before: of several inputs a prediction does not say
 * which is which, but for its trigger's.
 */
const earliestEvent = ({ topic, offset, positions }: LoggedPrediction, outcomeTopic: string): number | null => {
  if (topic === outcomeTopic) return offset + 1;
  const others = Array.from(positions);
  const own = others.indexOf(offset + 1);
  if (own < 0 || others.length < 2) return null;
  others.splice(own, 1);
  return Math.min(...others);
};

const scan = async (
  read: (from: number) => Promise<RecordBatch | null>,
  poll: () => Promise<RecordBatch | null>,
  start: number,
  id: string,
): Promise<Outcome | "none" | "unknown"> => {
  // The first field, as Avro writes it.
  const wanted = avroType('"string"').toBuffer(id);
  let left = mostRecords;
  for (let batch = await read(start); batch !== null; batch = await poll()) {
    for (let i = 0; i < batch.count; i++) {
      if (!beginsWith(batch, i, wanted)) continue;
      const { outcome, outcomeAt } = decode(batch, i);
      return { outcome, outcomeAt };
    }
    left -= batch.count;
    if (left < 0) return "unknown";
  }
  return "none";
};

/** From its end, where ids differ. */
const beginsWith = ({ bytes, valueStart, valueEnd }: RecordBatch, index: number, wanted: Buffer): boolean => {
  const start = valueStart[index] + frameBytes;
  if (start + wanted.length > valueEnd[index]) return false;
  let at = wanted.length - 1;
  while (at >= 0 && bytes[start + at] === wanted[at]) at--;
  return at < 0;
};

const read = valueDecoder<Stored>(outcomeSchema);

const decode = ({ bytes, valueStart, valueEnd }: RecordBatch, index: number): Stored =>
  read(bytes, valueStart[index], valueEnd[index]);
