import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { isMillraceError, MillraceError } from "../../../schemas/errors.ts";
import type { Broker, Membership, Offsets, Reader, Writer } from "../port.ts";
import type { Written } from "./append.ts";
import { kafkaClient, patienceMs } from "./client.ts";
import { kafkaEpochs } from "./epochs.ts";
import { boundsOf, kafkaFetcher } from "./fetcher.ts";
import { kafkaMembership } from "./group.ts";
import { commitOffsets, fetchOffsets } from "./group-requests.ts";
import { idempotentProducer } from "./idempotent-producer.ts";
import { produceQueue } from "./produce-queue.ts";
import { offsetsByTopic, transactionalProducer } from "./producer.ts";
import { readable } from "./readable.ts";
import { kafkaReader } from "./reader.ts";
import { earliest, latest } from "./requests.ts";
import { kafkaTopics } from "./topics.ts";
import { kafkaTransaction } from "./transaction.ts";
import type { Unit } from "./unit.ts";
import { kafkaSettings } from "./url.ts";

/** A writer's transaction that is not ended for so long is aborted by Kafka: its process is gone. */
const writerTimeoutMs = 30_000;
/** That of a writer whose id nobody takes over. */
const ownTimeoutMs = 10_000;
/** How long `produce` waits for its records to be readable where others hold readers back. */
const readableMs = 2_000;

/**
 * The broker in Apache Kafka 3.0 or newer. kafkajs connects, encrypts and authenticates; batches are encoded and
 * decoded in columns here.
 */
export const kafkaBroker = async (url: string): Promise<Broker> => {
  const settings = kafkaSettings(url);
  const client = await kafkaClient(settings);
  const topics = kafkaTopics(client, settings.prefix, settings.replicationFactor);
  const fetcher = kafkaFetcher(client, topics);
  const epochs = kafkaEpochs(client, topics);
  const log = { client, topics, codec: settings.compression };
  const idempotent = idempotentProducer(log);
  const readers = new Set<Reader>();
  /** Topics whose leaders have been seen at work. */
  const served = new Set<string>();
  const memberships = new Set<Membership>();
  let closed = false;

  const opened = (): void => {
    if (closed) throw new MillraceError("CLOSED", "the broker is closed");
  };

  /** Commits of what has no writer of its own, under an id of this process alone: opened at its first use. */
  const own = transactionalProducer(log, topics.inKafka(`millrace-${randomUUID()}`), ownTimeoutMs);
  let usable = false;
  const inOrder = serial();
  const writeOwn = (unit: Unit): Promise<Written[]> =>
    inOrder(async () => {
      const deadline = performance.now() + patienceMs;
      for (;;) {
        if (!usable) await own.open();
        usable = false;
        try {
          const written = await own.commit(unit);
          usable = true;
          return written;
        } catch (error) {
          // A leader has moved, say: nothing was written, and nobody else holds this id.
          const again = isMillraceError(error, "ENGINE_UNAVAILABLE") && own.undone();
          if (!again || closed || performance.now() > deadline) throw error;
          await sleep(20);
        }
      }
    });

  const queue = produceQueue({ plain: idempotent.append, together: writeOwn });

  const bounds = async (name: string, at: typeof earliest | typeof latest): Promise<number[]> => {
    const { config } = await topics.get(name);
    const partitions = Array.from({ length: config.partitions }, (_, partition) => partition);
    return boundsOf(client, topics, name, partitions, at);
  };

  return {
    async ensureTopic(name, config) {
      opened();
      await topics.ensure(name, config);
      // The leaders that are named may not know of it yet.
      if (!served.has(name)) await bounds(name, latest);
      served.add(name);
    },
    async topic(name) {
      opened();
      return (await topics.now(name))?.config ?? null;
    },
    async topics() {
      opened();
      return (await topics.list()).map(({ name, config }) => ({ topic: name, config }));
    },
    async deleteTopic(name) {
      opened();
      served.delete(name);
      await topics.delete(name);
    },
    async produce(name, records) {
      opened();
      const topic = topics.known(name) ?? (await topics.get(name));
      const places = await queue.produce(topic, records);
      const last = new Map<number, number>();
      for (const { partition, offset } of places) last.set(partition, Math.max(offset, last.get(partition) ?? 0));
      const written = [...last].map(([partition, offset]) => ({
        topic: name,
        partition,
        firstOffset: offset,
        count: 1,
      }));
      await readable(log, written, readableMs);
      return places;
    },
    transaction() {
      opened();
      return kafkaTransaction(topics, async (unit) => {
        opened();
        return writeOwn(unit);
      });
    },
    async writer(id): Promise<Writer> {
      opened();
      const producer = transactionalProducer(log, topics.inKafka(id), writerTimeoutMs);
      await producer.open();
      const oneByOne = serial();
      return {
        transaction: () =>
          kafkaTransaction(topics, async (unit) => {
            opened();
            return oneByOne(() => producer.commit(unit));
          }),
        close: async () => {},
      };
    },
    commitMarkers: 1,
    async join(group) {
      opened();
      const membership = await kafkaMembership(client, topics, group);
      memberships.add(membership);
      return membership;
    },
    reader(options) {
      opened();
      const reader = kafkaReader({ client, topics, fetcher, onClose: (one) => readers.delete(one) }, options);
      readers.add(reader);
      return reader;
    },
    async committed(group) {
      opened();
      const name = topics.inKafka(group);
      const all = await client.persist(() => topics.partitionsNow());
      if (all.length === 0) return [];
      const answer = await client.persist(() => client.coordinate("group", name, fetchOffsets(name, all)), {
        firstDelayMs: 1,
        longestDelayMs: 50,
        forMs: writerTimeoutMs + 10_000,
      });
      return answer.map((one) => ({ ...one, topic: topics.ours(one.topic) })).sort(byPlace);
    },
    async commitOffsets(group, offsets) {
      opened();
      if (offsets.length === 0) return;
      const name = topics.inKafka(group);
      const exchange = commitOffsets(name, offsetsByTopic(offsets, topics.inKafka));
      await client.persist(() => client.coordinate("group", name, exchange));
    },
    async watermarks(name) {
      opened();
      const [low, high] = await Promise.all([bounds(name, earliest), bounds(name, latest)]);
      return low.map((first, partition) => ({ low: first, high: high[partition] }));
    },
    async marks(name) {
      opened();
      return epochs.marks(name);
    },
    async agreed({ topic, partition }, marks, next) {
      opened();
      return epochs.agreed(topic, partition, marks, next);
    },
    async close() {
      if (closed) return;
      closed = true;
      await queue.drained();
      await inOrder(async () => {});
      for (const reader of [...readers]) await reader.close();
      await Promise.all([...memberships].map((membership) => membership.leave()));
      await client.close();
    },
  };
};

/** Runs operations one after the other. */
const serial = () => {
  let last: Promise<unknown> = Promise.resolve();
  return <T>(operation: () => Promise<T>): Promise<T> => {
    const next = last.then(operation);
    last = next.catch(() => {});
    return next;
  };
};

const byPlace = (a: Offsets[number], b: Offsets[number]): number =>
  a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : a.partition - b.partition;
