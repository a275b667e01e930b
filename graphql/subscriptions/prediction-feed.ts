import type { RecordBatch } from "../../infra/broker/port.ts";
import { ownRecordDecoder } from "../../schemas/codec.ts";
import { predictionSchema, topicOf } from "../../schemas/topics.ts";
import type { PredictionNode } from "../types/prediction.ts";
import { type BoundedQueue, boundedQueue, type Delivered } from "./bounded-queue.ts";
import type { Feeds } from "./feeds.ts";
import { TAIL_RECORDS } from "./topic-follower.ts";

export type PredictionFilter = {
  project: string;
  endpoint: string;
  entity?: string | null;
  model?: string | null;
  version?: number | null;
  /** Share of the predictions that are wanted, in (0, 1]. */
  sampleRate?: number | null;
};

/** Values that wait for one subscriber at most; older ones give way. */
const QUEUE_RECORDS = 1000;

type Wanted = (prediction: PredictionNode) => boolean;

const decode = ownRecordDecoder<PredictionNode>(predictionSchema);

/** A prediction out of its framed bytes, in the platform's own newest schema; null for what others have written. */
const decodePrediction = (batch: RecordBatch, i: number, project: string): PredictionNode | null => {
  const value = decode(batch.bytes, batch.valueStart[i], batch.valueEnd[i]);
  return value === null ? null : { ...value, project, outcome: null, outcomeAt: null };
};

/** Which offsets a sample takes: a pure function of the offset (Knuth's multiplicative hash), so that all agree. */
const sampled = (offset: number, rate: number): boolean => (Math.imul(offset, 2654435761) >>> 0) / 4294967296 < rate;

/**
 * Live predictions of an endpoint, from the end of its topic. Bytes are only decoded for somebody who wants them:
 * the entity is the record's key and a sample goes by offset, both are judged before.
 */
export const predictionFeed = async (
  feeds: Feeds,
  filter: PredictionFilter,
): Promise<AsyncIterableIterator<Delivered<PredictionNode>>> => {
  const { project, endpoint, model, version } = filter;
  const rate = filter.sampleRate ?? 1;
  const entity = filter.entity == null ? null : Buffer.from(filter.entity);
  const wanted: Wanted | null =
    model == null && version == null
      ? null
      : (prediction) =>
          (model == null || prediction.model === model) && (version == null || prediction.version === version);
  const scan = entity !== null || rate < 1 || wanted !== null;

  let leave = (): void => {};
  const queue: BoundedQueue<PredictionNode> = boundedQueue(QUEUE_RECORDS, () => leave());

  const mayWant = (batch: RecordBatch, i: number): boolean => {
    if (rate < 1 && !sampled(batch.offsets[i], rate)) return false;
    if (entity === null) return true;
    const start = batch.keyStart[i];
    const length = batch.keyEnd[i] - start;
    return length === entity.length && batch.bytes.compare(entity, 0, length, start, batch.keyEnd[i]) === 0;
  };

  leave = await feeds.topic(topicOf.predictions(project, endpoint)).add({
    mode: scan ? "scan" : "tail",
    batch(batch) {
      const first = scan ? 0 : Math.max(0, batch.count - TAIL_RECORDS);
      queue.skip(first);
      let taken = 0;
      for (let i = first; i < batch.count; i++) {
        if (batch.valueStart[i] < 0 || !mayWant(batch, i)) continue;
        if (taken >= DECODED_PER_BATCH) {
          queue.skip(1);
          continue;
        }
        taken += 1;
        const prediction = decodePrediction(batch, i, project);
        if (prediction !== null && (wanted === null || wanted(prediction))) queue.push(prediction);
      }
    },
    skipped: (count) => queue.skip(count),
    failed: (error) => queue.fail(error),
  });
  return queue;
};

/** A batch holds some thousand records; for each subscriber so many of them are decoded at most. */
const DECODED_PER_BATCH = 1024;
