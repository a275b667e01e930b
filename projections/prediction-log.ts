import type { Broker, RecordBatch, Watermarks } from "../infra/broker/port.ts";
import { partitionKey } from "../infra/broker/port.ts";
import { avroType, frameBytes } from "../schemas/codec.ts";
import { predictionSchema, topicOf } from "../schemas/topics.ts";
import { type PredictionPlace, type PredictionRow, predictionPlaces } from "./clickhouse/read/predictions.ts";

/** A prediction as the log has it. `place` says where its outcome, if one has come, is to be found. */
export type LoggedPrediction = Omit<PredictionRow, "outcome" | "outcomeAt"> & { place: OutcomePlace };

export type OutcomePlace = { endpoint: string; partition: number; predictionOffset: number };

/**
 * Predictions by id out of their topic, where they are the moment they are made, for a fraction of what a warehouse
 * query costs. The id names the trigger's offset, and predictions lie in the order of their triggers: a few guesses
 * find the batch. Null where the topic does not hold it: no such prediction, or its retention has passed.
 */
export const predictionLog = (broker: Broker) => ({
  async find(project: string, id: string): Promise<LoggedPrediction | null> {
    for (const place of predictionPlaces(id)) {
      const found = await findAt(broker, project, id, place);
      if (found !== null) return found;
    }
    return null;
  },
});

const findAt = async (
  broker: Broker,
  project: string,
  id: string,
  { endpoint, partition, offset }: PredictionPlace,
): Promise<LoggedPrediction | null> => {
  const topic = topicOf.predictions(project, endpoint);
  if ((await broker.topic(topic)) === null) return null;
  const bounds = (await broker.watermarks(topic))[partition];
  if (bounds === undefined) return null;
  const partitions = [{ topic, partition }];
  const from = new Map([[partitionKey(topic, partition), bounds.low]]);
  // One stored batch a guess, whatever its size.
  const reader = broker.reader({ partitions, from, maxBytes: 1 });
  try {
    const triggers = triggersOf(`${endpoint}-${partition}-`);
    const read = (at: number): Promise<RecordBatch | null> => {
      reader.seek(topic, partition, at);
      return reader.poll(topic, partition);
    };
    const found = await search(read, bounds, offset, id, triggers);
    return found === null ? null : decode(found.batch, found.index, project);
  } finally {
    await reader.close();
  }
};

type Found = { batch: RecordBatch; index: number };

/** Where in its batch the prediction lies. */
const search = async (
  read: (from: number) => Promise<RecordBatch | null>,
  { low, high }: Watermarks,
  trigger: number,
  id: string,
  triggerOf: TriggerOf,
): Promise<Found | null> => {
  let [from, to] = [low, high];
  // Where every record of the source was a trigger, its offset is the prediction's; else the distance is a good guess.
  let guess = trigger;
  for (let guesses = 1; from < to; guesses++) {
    const start = Math.min(Math.max(guess, from), to - 1);
    const batch = await read(start);
    if (batch === null) {
      to = start;
      guess = Math.floor((from + to) / 2);
      continue;
    }
    const last = batch.count - 1;
    const first = firstOf(batch, trigger, triggerOf);
    // A trigger has one prediction, and one more for each shadow.
    for (let i = first; i <= last && triggerOf(batch, i) === trigger; i++) {
      if (idOf(batch, i) === id) return { batch, index: i };
    }
    if (first > last) {
      from = batch.offsets[last] + 1;
      guess = from + trigger - triggerOf(batch, last);
    } else if (first === 0) {
      to = start;
      guess = start + trigger - triggerOf(batch, 0);
    } else {
      return null;
    }
    // Several predictions a trigger mislead the distance: every other guess halves what is left.
    if (guesses % 2 === 0) guess = Math.floor((from + to) / 2);
  }
  return null;
};

type TriggerOf = (batch: RecordBatch, index: number) => number;

/** The trigger's offset out of an id that begins like this; NaN where it does not. */
const triggersOf =
  (prefix: string): TriggerOf =>
  (batch, index) => {
    const id = idOf(batch, index);
    return id.startsWith(prefix) ? Number.parseInt(id.slice(prefix.length), 10) : Number.NaN;
  };

/** Index of the first record whose trigger is at or after this one; the batch's count where there is none. */
const firstOf = (batch: RecordBatch, trigger: number, triggerOf: TriggerOf): number => {
  let [low, high] = [0, batch.count];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (triggerOf(batch, middle) < trigger) low = middle + 1;
    else high = middle;
  }
  return low;
};

/** The first field of `predictionSchema`. */
const idOf = ({ bytes, valueStart }: RecordBatch, index: number): string => {
  let at = valueStart[index] + frameBytes;
  let zigzag = 0;
  let shift = 0;
  for (;;) {
    const byte = bytes[at++];
    zigzag |= (byte & 127) << shift;
    if (byte < 128) break;
    shift += 7;
  }
  return bytes.toString("utf8", at, at + (zigzag >>> 1));
};

type Stored = Omit<LoggedPrediction, "project" | "place">;

const decode = (batch: RecordBatch, index: number, project: string): LoggedPrediction => {
  const { value } = avroType(predictionSchema).decode(batch.bytes, batch.valueStart[index] + frameBytes) as {
    value: Stored;
  };
  const { endpoint, partition } = value;
  return { ...value, project, place: { endpoint, partition, predictionOffset: batch.offsets[index] } };
};
