import { partitionKey, type TopicPartition } from "../port.ts";
import type { KafkaClient } from "./client.ts";
import { codes, ProtocolError } from "./errors.ts";
import { type Appended, produceBatches } from "./log-requests.ts";
import type { Topics } from "./topics.ts";
import type { Producer } from "./transaction-requests.ts";
import type { Part } from "./unit.ts";
import type { Codec } from "./url.ts";

export type Log = { client: KafkaClient; topics: Topics; codec: Codec };

export type Written = { topic: string; partition: number; firstOffset: number; count: number };

/** The Java client's pauses: the markers of the transaction before are written within milliseconds. */
export const soon = { firstDelayMs: 1, longestDelayMs: 20 };

/**
 * Appends all batches of the parts. The first of each partition is sent until it is taken: Kafka refuses it with
 * NOT_ENOUGH_REPLICAS while it cannot tell yet that the transaction has the partition, and it knows a repetition by
 * its sequence. The others follow without waiting for one another, and are not repeated: their order would be lost.
 */
export const append = async (
  log: Log,
  parts: readonly Part[],
  who: Producer,
  transactionalId: string,
  sequences: Map<string, number>,
): Promise<Written[]> => {
  const sequenceOf = new Map(parts.map((part) => [part, sequences.get(keyOf(part)) ?? 0]));
  const send = async (leader: number, own: readonly Part[], round: number): Promise<Map<Part, Appended>> => {
    const batches = own.map((part) => {
      const sequence = sequenceOf.get(part) as number;
      const bytes = part.batches[round].finish({ ...who, sequence, transactional: true }, log.codec);
      return { topic: log.topics.inKafka(part.topic), partition: part.partition, bytes };
    });
    const answers = await log.client.send(leader, "data", produceBatches(transactionalId, batches));
    const byKey = new Map(answers.map((one) => [keyOf({ ...one, topic: log.topics.ours(one.topic) }), one]));
    return new Map(own.map((part) => [part, byKey.get(keyOf(part)) as Appended]));
  };

  const first = new Map<Part, number>();
  const sendFirst = async (): Promise<void> => {
    const leaders = await log.topics.byLeader(parts.filter((part) => !first.has(part)));
    let refused: ProtocolError | null = null;
    const taken = await allOf([...leaders].map(([leader, own]) => send(leader, own, 0))).catch((error) => {
      for (const { topic } of parts) log.topics.forget(topic);
      throw error;
    });
    for (const [part, { code, offset }] of taken.flatMap((one) => [...one])) {
      if (code === 0) first.set(part, offset);
      else refused = new ProtocolError(code, "Produce", keyOf(part));
      if (code === codes.NOT_LEADER_OR_FOLLOWER) log.topics.forget(part.topic);
    }
    if (refused !== null) throw refused;
  };
  await log.client.persist(sendFirst, soon);

  const rest = [];
  const leaders = await log.topics.byLeader(parts);
  const rounds = Math.max(0, ...parts.map(({ batches }) => batches.length));
  for (let round = 1; round < rounds; round++) {
    for (const part of parts) advance(sequenceOf, part, part.batches[round - 1]?.count ?? 0);
    for (const [leader, all] of leaders) {
      const own = all.filter(({ batches }) => batches.length > round);
      if (own.length > 0) rest.push(send(leader, own, round));
    }
  }
  for (const [part, { code }] of (await allOf(rest)).flatMap((one) => [...one])) {
    if (code !== 0) throw new ProtocolError(code, "Produce", keyOf(part));
  }
  for (const part of parts) advance(sequences, keyOf(part), part.count);
  return parts.map((part) => ({
    topic: part.topic,
    partition: part.partition,
    firstOffset: first.get(part) as number,
    count: part.count,
  }));
};

export const keyOf = ({ topic, partition }: TopicPartition): string => partitionKey(topic, partition);

/** Sequences are numbers of 31 bits that begin again at 0. */
export const advance = <Key>(sequences: Map<Key, number>, key: Key, by: number): void => {
  sequences.set(key, ((sequences.get(key) ?? 0) + by) % 2 ** 31);
};

/** Like Promise.all, but fails when all have ended: nothing may be on its way when the transaction is aborted. */
export const allOf = async <T>(promises: readonly Promise<T>[]): Promise<T[]> => {
  const settled = await Promise.allSettled(promises);
  return settled.map((one) => {
    if (one.status === "rejected") throw one.reason;
    return one.value;
  });
};
