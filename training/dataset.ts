import { replay } from "../infra/broker/journal.ts";
import type { Broker, RecordBatch } from "../infra/broker/port.ts";
import type { SchemaRegistry } from "../infra/schema-registry/port.ts";
import type { TrainingMatrix } from "../ml/boosting/types.ts";
import { type ViewState, viewState } from "../ml/features/state.ts";
import { businessKey, noKey } from "../schemas/business-key.ts";
import { isMillraceError, MillraceError } from "../schemas/errors.ts";
import { decoders, type SourceDecoder } from "./decoders.ts";
import { waitingRows } from "./labels.ts";
import type { TrainingPlan } from "./plan.ts";
import { type LabelledRows, labelledRows } from "./rows.ts";

export type TrainingSet = {
  /** Ordered by event time, then business key. */
  matrix: TrainingMatrix;
  /** Event time of each row. */
  times: Float64Array;
  /** Next offset by `topic/partition` up to which the log was folded. */
  positions: Record<string, number>;
  /** Records that were left out, because the schema of their source no longer reads them. */
  unread: number;
};

export type DatasetOptions = {
  broker: Broker;
  registry: SchemaRegistry;
  plan: TrainingPlan;
  /** Records folded so far, and how many there are about. */
  onProgress?: (done: number, total: number) => void;
  /** Ends the building; it then fails with the signal's reason. */
  signal?: AbortSignal;
};

const EXPIRE_EVERY = 1 << 16;

/**
 * Builds a training set as of each trigger, by folding the trigger's application in the order in which its tasks took
 * their records: the features are those that a prediction at that trigger was, or would have been, served, bit for bit.
 * TRAINING_FAILED where no trigger of the time range met an outcome.
 */
export const buildTrainingSet = async (options: DatasetOptions): Promise<TrainingSet> => {
  const { broker, plan } = options;
  const decoderOf = await decoders(options.registry, plan.sources);
  const rows = labelledRows(plan.columns.columns.length);
  const positions: Record<string, number> = {};
  const total = await recordCount(broker, plan);
  let done = 0;
  let unread = 0;
  const visited = (): void => {
    if (++done % EXPIRE_EVERY === 0) options.onProgress?.(done, Math.max(total, done));
  };
  for (let partition = 0; partition < plan.partitions; partition++) {
    const visit = (topic: string, next: number): boolean => {
      positions[`${topic}/${partition}`] = next;
      visited();
      return true;
    };
    const onUnread = (): void => {
      unread += 1;
    };
    await foldPartition({ ...options, partition, decoderOf, rows, onRecord: visit, onUnread });
  }
  options.onProgress?.(done, Math.max(total, done));
  if (rows.labelled === 0) throw nothingToLearn(plan, rows.count);
  return { ...rows.matrix(plan.columns.columns.map(({ name }) => name)), positions, unread };
};

const recordCount = async (broker: Broker, plan: TrainingPlan): Promise<number> => {
  let total = 0;
  for (const { topic } of plan.sources) {
    for (const { low, high } of await broker.watermarks(topic)) total += high - low;
  }
  return total;
};

const nothingToLearn = ({ spec }: TrainingPlan, triggers: number): MillraceError => {
  const range = `from ${new Date(spec.from).toISOString()} to ${new Date(spec.to).toISOString()}`;
  return new MillraceError(
    "TRAINING_FAILED",
    triggers === 0
      ? `There is nothing to learn from: the streams took no event of ${spec.trigger} ${range}.`
      : `There is nothing to learn from: of ${triggers} events of ${spec.trigger} ${range} none met an outcome in ` +
          `${spec.label.source} within ${spec.label.horizonMs} ms by the key ${spec.label.key.join(", ")}.`,
  );
};

export type PartitionFold = Pick<DatasetOptions, "broker" | "plan" | "signal"> & {
  partition: number;
  decoderOf: ReadonlyMap<string, SourceDecoder>;
  /** Gets the rows of the partition, labelled and not. */
  rows: LabelledRows;
  /** Told of each record, with the next offset of its topic. False leaves the record out. */
  onRecord: (topic: string, next: number) => boolean;
  /** Told of each row in order, labelled or not, with the offset of its trigger. */
  onRow?: (offset: number) => void;
  /** Told of each record that is left out, because it can no longer be decoded. */
  onUnread?: () => void;
};

/** Folds what the tasks took of one partition into rows. */
export const foldPartition = async (fold: PartitionFold): Promise<void> => {
  const { broker, partition, decoderOf, rows, signal, onRecord, onRow, onUnread } = fold;
  const { spec, columns, trigger, label, application } = fold.plan;
  const states = columns.views.map(viewState);
  const waiting = waitingRows(rows, spec.label.horizonMs);
  const keys = businessKey(spec.label.key, trigger.schema, label.source.schema);
  let watermark = Number.NEGATIVE_INFINITY;
  let count = 0;

  const take = (source: SourceDecoder, event: Record<string, unknown>, time: number, offset: number): void => {
    applyTo(states, source.name, event, time);
    if (source.topic === label.source.topic) {
      const value = label.value.evaluate(event, time);
      const key = value === null ? null : keys.ofOutcome(event);
      if (key !== null) waiting.meet(key, time, watermark, Number(value));
    }
    if (source.topic === trigger.topic && time >= spec.from && time < spec.to) {
      const key = keys.ofTrigger(event) ?? noKey;
      const at = rows.next(time, key);
      onRow?.(offset);
      columns.write(event, time, states, rows.values, at);
      if (key !== noKey) waiting.add(key, rows.count - 1);
    }
  };

  const visit = (topic: string, batch: RecordBatch, index: number): void => {
    const offset = batch.offsets[index];
    if (!onRecord(topic, offset + 1)) return;
    const source = decoderOf.get(topic);
    if (source === undefined) {
      // An input that feeds nothing here still moves the task's watermark.
      if (batch.timestamps[index] > watermark) watermark = batch.timestamps[index];
      return;
    }
    const event = decodedOrNull(source, batch, index);
    if (event === null) {
      onUnread?.();
      return;
    }
    const time = source.timeOf(event);
    if (time > watermark) watermark = time;
    if (++count % EXPIRE_EVERY === 0) waiting.expire(watermark);
    try {
      take(source, event, time, offset);
    } catch (error) {
      // As in the stream, where such a record becomes a dead letter and the rest goes on.
      if (!isMillraceError(error)) throw error;
    }
  };
  await replay(broker, { application, partition, signal }, visit);
};

/** null for a record that the stream took by a schema of its source which no longer holds. */
const decodedOrNull = (source: SourceDecoder, batch: RecordBatch, index: number): Record<string, unknown> | null => {
  try {
    return source.decode(batch, index);
  } catch (error) {
    if (!isMillraceError(error)) throw error;
    return null;
  }
};

const applyTo = (states: readonly ViewState[], source: string, event: Record<string, unknown>, time: number): void => {
  for (let i = 0; i < states.length; i++) states[i].apply(source, event, time);
};
