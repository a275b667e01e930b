import { isMillraceError, MillraceError } from "../../schemas/errors.ts";
import { decodeJournal } from "../../schemas/journal.ts";
import { topicOf } from "../../schemas/topics.ts";
import { type Broker, partitionKey, type RecordBatch } from "./port.ts";

export type ReplayOptions = {
  application: string;
  partition: number;
  /** Journal entry to begin with; the first without it. */
  fromEntry?: number;
  /** Stop before the first record of a topic at or beyond its offset given here. */
  upTo?: ReadonlyMap<string, number>;
  /** Of these topics, what was taken in entries before this one is left out: it was of a log that is gone. */
  lost?: ReadonlyMap<string, number>;
  signal?: AbortSignal;
  /** Called after all records of a journal entry, with the entry's offset. */
  onEntry?: (offset: number) => void;
};

/**
 * Replays what a task took, in the order in which it took it (but for records that could
 * not be decoded and became dead letters), up to the journal's end at the call (or `upTo`).
 * Answers the next offset of each input. ILLEGAL_STATE where retention has removed a part of the history, or where a
 * topic was deleted and made again since (`madeAgain` tells which).
 */
export const replay = async (
  broker: Broker,
  options: ReplayOptions,
  visit: (topic: string, batch: RecordBatch, index: number) => void,
): Promise<ReadonlyMap<string, number>> => {
  const { application, partition, fromEntry = 0, upTo, lost, signal } = options;
  const journal = topicOf.journal(application);
  const next = new Map<string, number>();
  if ((await broker.topic(journal)) === null) return next;
  const end = (await broker.watermarks(journal))[partition]?.high ?? 0;
  const entries = broker.reader({
    partitions: [{ topic: journal, partition }],
    from: new Map([[partitionKey(journal, partition), fromEntry]]),
  });
  const cursors = new Map<string, Cursor>();
  try {
    let position = fromEntry;
    while (position < end) {
      signal?.throwIfAborted();
      const batch = await entries.poll(journal, partition);
      if (batch === null) break;
      for (let i = 0; i < batch.count && batch.offsets[i] < end; i++) {
        position = batch.offsets[i] + 1;
        const entry = decodeJournal(batch.bytes.subarray(batch.valueStart[i], batch.valueEnd[i]));
        for (const { topic, offset } of entry.inputs) {
          if (offset < (next.get(topic) ?? 0)) throw topicMadeAgain(topic, partition, batch.offsets[i]);
        }
        for (let run = 0; run < entry.runs.length; run += 2) {
          const { topic, offset } = entry.inputs[entry.runs[run]];
          if (batch.offsets[i] < (lost?.get(topic) ?? 0)) continue;
          const cursor = cursors.get(topic) ?? openCursor(broker, topic, partition, offset);
          cursors.set(topic, cursor);
          const limit = upTo?.get(topic) ?? Number.POSITIVE_INFINITY;
          const skipped = entry.runs[run + 1] < 0;
          for (let left = Math.abs(entry.runs[run + 1]); left > 0; left--) {
            if (cursor.batch === null || cursor.index >= cursor.batch.count) await cursor.fill();
            const held = cursor.batch as RecordBatch;
            if (held.offsets[cursor.index] >= limit) return next;
            if (!skipped) visit(topic, held, cursor.index);
            next.set(topic, held.offsets[cursor.index] + 1);
            cursor.index += 1;
          }
        }
        options.onEntry?.(batch.offsets[i]);
      }
    }
    return next;
  } finally {
    await entries.close();
    for (const cursor of cursors.values()) await cursor.close();
  }
};

/** A task takes each topic forwards: what it takes from an earlier offset is of another topic of that name. */
const topicMadeAgain = (topic: string, partition: number, entry: number): MillraceError =>
  new MillraceError(
    "ILLEGAL_STATE",
    `${topic}/${partition} was deleted and made again: what was taken of it before journal entry ${entry} is gone`,
    { details: { madeAgain: topic, entry } },
  );

/** The topic of which a replay found that it was made again, and the first journal entry since. */
export const madeAgain = (error: unknown): { topic: string; entry: number } | null => {
  if (!isMillraceError(error, "ILLEGAL_STATE")) return null;
  const { madeAgain: topic, entry } = error.details;
  return typeof topic === "string" && typeof entry === "number" ? { topic, entry } : null;
};

type Cursor = { batch: RecordBatch | null; index: number; fill(): Promise<void>; close(): Promise<void> };

const openCursor = (broker: Broker, topic: string, partition: number, from: number): Cursor => {
  const reader = broker.reader({
    partitions: [{ topic, partition }],
    from: new Map([[partitionKey(topic, partition), from]]),
  });
  const gone = (offset: number): MillraceError =>
    new MillraceError(
      "ILLEGAL_STATE",
      `${topic}/${partition} no longer holds offset ${offset}: its retention is shorter than the history asked for`,
    );
  let expected = from;
  const cursor: Cursor = {
    batch: null,
    index: 0,
    fill: async () => {
      const batch = await reader.poll(topic, partition);
      if (batch === null) throw gone(expected);
      // A gap is what a commit takes after its records, or what retention has removed.
      if (batch.offsets[0] !== expected && (await broker.watermarks(topic))[partition].low > expected) {
        throw gone(expected);
      }
      expected = batch.offsets[batch.count - 1] + 1;
      cursor.batch = batch;
      cursor.index = 0;
    },
    close: () => reader.close(),
  };
  return cursor;
};
