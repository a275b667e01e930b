import { logChanged } from "../log-changed.ts";
import { partitionKey } from "../port.ts";
import { decodeBatches, type Fetched } from "./batch-decoder.ts";
import type { KafkaClient, Lane } from "./client.ts";
import { codes, hasCode, isPassing, ProtocolError } from "./errors.ts";
import { type FetchedPart, type FetchFrom, fetchBatches } from "./log-requests.ts";
import { earliest, type latest, listOffsets } from "./requests.ts";
import type { Topics } from "./topics.ts";

/** Fetches committed records. Errors of the connection and of moving leaders are the caller's to try again. */
export type Fetcher = {
  /** What is there now. */
  now(part: FetchFrom): Promise<Fetched>;
  /** From one leader: what is there within `waitMs`, by `topic/partition`. */
  within(leader: number, parts: readonly FetchFrom[], waitMs: number): Promise<Map<string, Fetched>>;
};

/** The answer as a whole, to all partitions of a wait. */
const WAIT_BYTES = 8 << 20;

export const kafkaFetcher = (client: KafkaClient, topics: Topics): Fetcher => {
  /** Where to go on when the log does not hold the offset any more: its beginning. LOG_CHANGED beyond its end. */
  const outOfRange = async (topic: string, partition: number, offset: number): Promise<Fetched> => {
    // Perhaps it is another topic of that name.
    topics.forget(topic);
    const [low] = await boundsOf(client, topics, topic, [partition], earliest);
    if (offset > low) throw logChanged(topic);
    return { batch: null, next: low };
  };

  const read = async (part: FetchedPart, offset: number): Promise<Fetched> => {
    const topic = topics.ours(part.topic);
    if (part.code === 0) {
      if (part.records === null || part.records.length === 0) return { batch: null, next: offset };
      return decodeBatches(topic, part.partition, part.records, offset, part.aborted);
    }
    if (part.code === codes.OFFSET_OUT_OF_RANGE) return outOfRange(topic, part.partition, offset);
    topics.forget(topic);
    throw new ProtocolError(part.code, "Fetch", partitionKey(topic, part.partition));
  };

  const fetch = async (
    leader: number,
    lane: Lane,
    parts: readonly FetchFrom[],
    waitMs: number,
    maxBytes: number,
  ): Promise<Map<string, Fetched>> => {
    const offsets = new Map(parts.map(({ topic, partition, offset }) => [partitionKey(topic, partition), offset]));
    const asked = parts.map((part) => ({ ...part, topic: topics.inKafka(part.topic) }));
    const answer = await client.send(leader, lane, fetchBatches(asked, waitMs, maxBytes)).catch((error) => {
      for (const { topic } of parts) topics.forget(topic);
      throw error;
    });
    const fetched = new Map<string, Fetched>();
    for (const part of answer) {
      const key = partitionKey(topics.ours(part.topic), part.partition);
      fetched.set(key, await read(part, offsets.get(key) as number));
    }
    return fetched;
  };

  return {
    async now(part) {
      const attempt = async (): Promise<Fetched> => {
        const [[leader]] = await topics.byLeader([part]);
        const fetched = await fetch(leader, "fetch", [part], 0, part.maxBytes);
        return fetched.get(partitionKey(part.topic, part.partition)) as Fetched;
      };
      return client.persist(attempt, { passing: isPassingFetch });
    },
    async within(leader, parts, waitMs) {
      const { lane, release } = client.waitLane();
      try {
        return await fetch(leader, lane, parts, waitMs, WAIT_BYTES);
      } finally {
        release();
      }
    },
  };
};

/** A topic that is not there any more is found out by looking it up. */
export const isPassingFetch = (error: unknown): boolean =>
  isPassing(error) || hasCode(error, codes.UNKNOWN_TOPIC_OR_PARTITION, 9, 74, 75);

/** First or last stable offsets of partitions, in their order. */
export const boundsOf = async (
  client: KafkaClient,
  topics: Topics,
  topic: string,
  partitions: readonly number[],
  at: typeof earliest | typeof latest,
): Promise<number[]> => {
  const bounds = new Map<number, number>();
  const attempt = async (): Promise<void> => {
    for (const [leader, parts] of await topics.byLeader(partitions.map((partition) => ({ topic, partition })))) {
      const asked = [{ topic: topics.inKafka(topic), partitions: parts.map(({ partition }) => partition) }];
      for (const { partition, code, offset } of await client.send(leader, "control", listOffsets(asked, at))) {
        if (code !== 0) {
          topics.forget(topic);
          throw new ProtocolError(code, "ListOffsets", partitionKey(topic, partition));
        }
        bounds.set(partition, offset);
      }
    }
  };
  await client.persist(attempt, { passing: isPassingFetch });
  return partitions.map((partition) => bounds.get(partition) as number);
};
