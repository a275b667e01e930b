import { setTimeout as sleep } from "node:timers/promises";
import { MillraceError } from "../../../schemas/errors.ts";
import { type Offsets, partitionKey, type TopicPartition } from "../port.ts";
import type { KafkaClient } from "./client.ts";
import { codes, hasCode, isPassing, isUnreachable, ProtocolError } from "./errors.ts";
import { type Appended, produceBatches } from "./log-requests.ts";
import { latest, listOffsets } from "./requests.ts";
import { noPartition, partitionsByTopic, type Topics } from "./topics.ts";
import {
  addOffsets,
  addPartitions,
  commitOffsetsInTransaction,
  endTransaction,
  initProducer,
  type OffsetsOf,
  type Producer,
} from "./transaction-requests.ts";
import type { Part, Unit } from "./unit.ts";
import type { Codec } from "./url.ts";

export type Written = { topic: string; partition: number; firstOffset: number; count: number };

export type TransactionalProducer = {
  /** Ends what an earlier holder of the id left open, and fences it. */
  open(): Promise<void>;
  /** All of the unit, or an error and nothing of it. One at a time. */
  commit(unit: Unit): Promise<Written[]>;
  /** Whether the last commit that failed was surely undone, so that it may be tried again. */
  undone(): boolean;
};

const endPatienceMs = 15_000;
const openPatienceMs = 40_000;

export type Log = { client: KafkaClient; topics: Topics; codec: Codec };

/** The Java client's pauses: the markers of the transaction before are written within milliseconds. */
const soon = { firstDelayMs: 1, longestDelayMs: 20 };

/**
 * One transaction after the other under a transactional id. After an error that leaves open what Kafka holds of the
 * transaction it has to be opened again: `commit` fails with ENGINE_UNAVAILABLE until then.
 */
export const transactionalProducer = (
  { client, topics, codec }: Log,
  id: string,
  timeoutMs: number,
): TransactionalProducer => {
  const sequences = new Map<string, number>();
  let producer: Producer | null = null;
  let lost: MillraceError | null = null;
  let undone = false;

  const onCoordinator = (
    exchange: Parameters<typeof client.coordinate<void>>[2],
    options: Parameters<typeof client.persist<void>>[1] = soon,
  ) => client.persist(() => client.coordinate("transaction", id, exchange), options);

  const register = async (who: Producer, parts: readonly Part[]): Promise<void> => {
    if (parts.length === 0) return;
    const exchange = addPartitions(id, who, partitionsByTopic(parts, topics.inKafka));
    const attempt = async (): Promise<void> => {
      try {
        await client.coordinate("transaction", id, exchange);
      } catch (error) {
        if (!hasCode(error, codes.UNKNOWN_TOPIC_OR_PARTITION)) throw error;
        // Deleted, or so new that the coordinator has not heard of it.
        for (const { topic } of parts) topics.forget(topic);
        for (const { topic } of parts) await topics.get(topic);
        throw new ProtocolError(codes.LEADER_NOT_AVAILABLE, "AddPartitionsToTxn");
      }
    };
    await client.persist(attempt, soon);
  };

  const commitOffsets = async (who: Producer, group: string, offsets: Offsets): Promise<void> => {
    const name = topics.inKafka(group);
    await onCoordinator(addOffsets(id, who, name));
    const exchange = commitOffsetsInTransaction(id, who, name, offsetsByTopic(offsets, topics.inKafka));
    await client.persist(() => client.coordinate("group", name, exchange), soon);
  };

  const fail = async (
    who: Producer,
    error: unknown,
    { produced, ending }: { produced: boolean; ending: boolean },
  ): Promise<MillraceError> => {
    const coded = client.coded(error);
    const aborted = await onCoordinator(endTransaction(id, who, false), { ...soon, forMs: 5000 }).then(
      () => true,
      // Nothing had been registered: there was nothing to abort.
      (again) => again instanceof MillraceError && again.code === "FENCED" && !produced && coded.code !== "FENCED",
    );
    undone = aborted && !ending;
    if (!aborted || produced) {
      producer = null;
      lost = coded;
    }
    return coded;
  };

  return {
    async open() {
      producer = await client.persist(() => client.coordinate("transaction", id, initProducer(id, timeoutMs)), {
        firstDelayMs: 2,
        longestDelayMs: 50,
        forMs: openPatienceMs,
      });
      sequences.clear();
      lost = null;
    },
    async commit(unit) {
      if (producer === null) {
        if (lost?.code === "FENCED") throw lost;
        throw new MillraceError("ENGINE_UNAVAILABLE", "the writer lost its transaction: open it again", {
          cause: lost ?? undefined,
        });
      }
      const who = producer;
      const parts = unit.parts();
      let produced = false;
      let ending = false;
      try {
        await checkTopics(topics, parts, unit.offsets());
        await register(who, parts);
        produced = parts.length > 0;
        const appended = append({ client, topics, codec }, parts, who, id, sequences);
        const offsets = [...unit.offsets()].map(([group, own]) => commitOffsets(who, group, own));
        await allOf<unknown>([appended, ...offsets]);
        ending = true;
        await onCoordinator(endTransaction(id, who, true), { ...soon, forMs: endPatienceMs });
        return await appended;
      } catch (error) {
        for (const { topic } of parts) topics.forget(topic);
        throw await fail(who, error, { produced, ending });
      }
    },
    undone: () => undone,
  };
};

/** Like Promise.all, but fails when all have ended: nothing may be on its way when the transaction is aborted. */
const allOf = async <T>(promises: readonly Promise<T>[]): Promise<T[]> => {
  const settled = await Promise.allSettled(promises);
  return settled.map((one) => {
    if (one.status === "rejected") throw one.reason;
    return one.value;
  });
};

/**
 * Appends all batches of the parts. The first of each partition is sent until it is taken: Kafka refuses it with
 * NOT_ENOUGH_REPLICAS while it cannot tell yet that the transaction has the partition, and it knows a repetition by
 * its sequence. The others follow without waiting for one another, and are not repeated: their order would be lost.
 */
const append = async (
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

const keyOf = ({ topic, partition }: TopicPartition): string => partitionKey(topic, partition);

/** Sequences are numbers of 31 bits that begin again at 0. */
const advance = <Key>(sequences: Map<Key, number>, key: Key, by: number): void => {
  sequences.set(key, ((sequences.get(key) ?? 0) + by) % 2 ** 31);
};

/** Before anything is written: UNKNOWN_TOPIC, or what a record is refused for that was added before its topic was known. */
const checkTopics = async (
  topics: Topics,
  parts: readonly Part[],
  groups: ReadonlyMap<string, Offsets>,
): Promise<void> => {
  for (const { topic, partition } of [...parts, ...[...groups.values()].flat()]) {
    const { config } = await topics.get(topic);
    if (partition < 0 || partition >= config.partitions) throw noPartition(topic, partition, config.partitions);
  }
};

export const offsetsByTopic = (offsets: Offsets, name: (ours: string) => string): OffsetsOf[] => {
  const byName = new Map<string, { partition: number; offset: number }[]>();
  for (const { topic, partition, offset } of offsets) {
    const held = byName.get(topic) ?? [];
    byName.set(topic, [...held.filter((one) => one.partition !== partition), { partition, offset }]);
  }
  return [...byName].map(([topic, partitions]) => ({ topic: name(topic), partitions }));
};

/**
 * One batch to one partition without a transaction; Kafka drops a repetition, so that it can be sent until it is
 * answered. Fails with UNKNOWN_TOPIC where the topic has been deleted.
 */
export const idempotentProducer = ({ client, topics, codec }: Log) => {
  const sequences = new Map<string, number>();
  let producer: Producer | null = null;

  return {
    async append({ topic, partition, count, batches: [batch] }: Part): Promise<Written> {
      producer ??= await client.persist(() => client.ask(initProducer(null, 0)));
      const key = partitionKey(topic, partition);
      const sequence = sequences.get(key) ?? 0;
      const bytes = batch.finish({ ...producer, sequence, transactional: false }, codec);
      const exchange = produceBatches(null, [{ topic: topics.inKafka(topic), partition, bytes }]);
      try {
        const firstOffset = await client.persist(
          async () => {
            const [[leader]] = await topics.byLeader([{ topic, partition }]);
            try {
              const [answer] = await client.send(leader, "data", exchange);
              if (answer.code !== 0) throw new ProtocolError(answer.code, "Produce", key);
              return answer.offset;
            } catch (error) {
              topics.forget(topic);
              throw error;
            }
          },
          { passing: (error) => isPassing(error) || hasCode(error, codes.UNKNOWN_TOPIC_OR_PARTITION) },
        );
        advance(sequences, key, count);
        return { topic, partition, firstOffset, count };
      } catch (error) {
        // What became of the batch is not known: the sequence would not be either.
        producer = null;
        sequences.clear();
        throw error;
      }
    },
  };
};

/**
 * Resolves when readers of committed data see what was written: markers follow a commit within milliseconds. Gives up
 * after `forMs`, as the open transaction of somebody else in the same partition may hold readers back.
 */
export const readable = async (
  { client, topics }: Pick<Log, "client" | "topics">,
  written: readonly Written[],
  forMs: number,
): Promise<void> => {
  const deadline = performance.now() + forMs;
  let left = [...written];
  for (let delay = 1; left.length > 0 && performance.now() < deadline; delay = Math.min(delay * 2, 20)) {
    const reached = new Map<string, number>();
    try {
      for (const [leader, parts] of await topics.byLeader(left)) {
        const exchange = listOffsets(partitionsByTopic(parts, topics.inKafka), latest);
        for (const { topic, partition, offset } of await client.send(leader, "control", exchange)) {
          reached.set(partitionKey(topics.ours(topic), partition), offset);
        }
      }
    } catch (error) {
      if (!isPassing(error) && !isUnreachable(error)) return;
    }
    left = left.filter(
      ({ topic, partition, firstOffset, count }) =>
        (reached.get(partitionKey(topic, partition)) ?? -1) < firstOffset + count,
    );
    if (left.length > 0) await sleep(delay);
  }
};
