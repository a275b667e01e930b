import { randomUUID } from "node:crypto";
import { Kafka, logLevel } from "kafkajs";

const partitions = 4;
/** kafkajs groups the messages of a call in quadratic time: whole batches would make it five times as slow. */
const sentAtOnce = 500;
/** A departure as it is produced. */
const value = Buffer.alloc(40, 7);

/**
 * Records a second that kafkajs itself takes from one topic and produces to another, batch by batch, with nothing in
 * between: no transaction, no decoding.
 */
export const kafkajsAlone = async (url: string, count: number): Promise<number> => {
  const kafka = new Kafka({ brokers: [new URL(url).host], logLevel: logLevel.NOTHING });
  const [from, to] = ["in", "out"].map((name) => `bench-bare-${randomUUID().slice(0, 8)}-${name}`);
  const admin = kafka.admin();
  const producer = kafka.producer();
  const consumer = kafka.consumer({ groupId: from });
  await admin.connect();
  await producer.connect();
  try {
    await admin.createTopics({ topics: [from, to].map((topic) => ({ topic, numPartitions: partitions })) });
    for (let done = 0; done < count; done += 10_000) {
      const messages = Array.from({ length: 10_000 }, (_, i) => ({
        key: `K${i % 256}`,
        value,
        partition: i % partitions,
      }));
      await producer.send({ topic: from, messages });
    }
    await consumer.connect();
    await consumer.subscribe({ topic: from, fromBeginning: true });
    const all = Promise.withResolvers<void>();
    let startedAt = 0;
    let taken = 0;
    await consumer.run({
      autoCommitInterval: 1_000,
      partitionsConsumedConcurrently: partitions,
      eachBatch: async ({ batch }) => {
        startedAt ||= performance.now();
        for (let from = 0; from < batch.messages.length; from += sentAtOnce) {
          const part = batch.messages.slice(from, from + sentAtOnce);
          await producer.send({ topic: to, messages: part.map(({ key, value }) => ({ key, value })) });
        }
        taken += batch.messages.length;
        if (taken >= count) all.resolve();
      },
    });
    await all.promise;
    return Math.round((count * 1000) / (performance.now() - startedAt));
  } finally {
    await consumer.disconnect();
    await producer.disconnect();
    await admin.deleteTopics({ topics: [from, to] });
    await admin.disconnect();
  }
};
