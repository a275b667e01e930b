import { advance, keyOf, type Log, type Written } from "./append.ts";
import { codes, hasCode, isPassing, ProtocolError } from "./errors.ts";
import { produceBatches } from "./log-requests.ts";
import { initProducer, type Producer } from "./transaction-requests.ts";
import type { Part } from "./unit.ts";

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
      const key = keyOf({ topic, partition });
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
