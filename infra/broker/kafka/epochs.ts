import { type Agreement, agreedUpTo, type LogMark } from "../../log-marks.ts";
import { partitionKey } from "../port.ts";
import { unknownTopic } from "../sqlite-catalog.ts";
import type { KafkaClient } from "./client.ts";
import { codes, ProtocolError } from "./errors.ts";
import { boundsOf, isPassingFetch } from "./fetcher.ts";
import { earliest, epochEnd, latest } from "./requests.ts";
import type { KafkaTopic, Topics } from "./topics.ts";

/** Epochs of a partition's leaders that are looked through from the newest on. */
const mostEpochs = 64;
/** How old the metadata may be that marks are told by: they are asked for with every write of what was read. */
const marksForMs = 10_000;

/**
 * `marks` and `agreed` of the port out of what Kafka's own followers go by: the topic's id, which is another after it
 * was made again (KIP-516), and the epochs of a partition's leaders with where each begins (KIP-101).
 */
export const kafkaEpochs = (client: KafkaClient, topics: Topics) => {
  const idOf = ({ id }: KafkaTopic, epoch: number): string => `${id}/${epoch}`;

  const endOf = async (
    topic: KafkaTopic,
    partition: number,
    epoch: number,
  ): Promise<{ epoch: number; end: number }> => {
    const leader = topic.leaders[partition];
    try {
      return await client.send(leader, "control", epochEnd(topics.inKafka(topic.name), partition, epoch));
    } catch (error) {
      topics.forget(topic.name);
      throw error;
    }
  };

  /** Newest first, with where each begins. */
  async function* epochsOf(topic: KafkaTopic, partition: number): AsyncGenerator<LogMark & { epoch: number }> {
    let { epoch } = await endOf(topic, partition, topic.epochs[partition]);
    while (epoch >= 0) {
      const before = epoch === 0 ? { epoch: -1, end: -1 } : await endOf(topic, partition, epoch - 1);
      yield { id: idOf(topic, epoch), from: Math.max(0, before.end), epoch };
      epoch = before.epoch;
    }
  }

  /** A leader that is not known passes by. */
  const led = async (name: string, freshForMs: number): Promise<KafkaTopic> => {
    const topic = await topics.now(name, freshForMs);
    if (topic === undefined) throw unknownTopic(name);
    const without = topic.leaders.findIndex((leader) => leader < 0);
    if (without < 0) return topic;
    topics.forget(name);
    throw new ProtocolError(codes.LEADER_NOT_AVAILABLE, "Metadata", partitionKey(name, without));
  };

  const persist = <T>(operation: () => Promise<T>): Promise<T> =>
    client.persist(operation, { passing: isPassingFetch });

  /** By topic, as long as its id and its leaders' epochs are what they were. */
  const newest = new Map<string, { of: string; marks: LogMark[] }>();

  const newestOf = async (topic: KafkaTopic, partition: number): Promise<LogMark> => {
    for await (const { id, from } of epochsOf(topic, partition)) return { id, from };
    // Nothing was ever written.
    return { id: idOf(topic, topic.epochs[partition]), from: 0 };
  };

  return {
    marks: (name: string): Promise<LogMark[]> =>
      persist(async () => {
        const topic = await led(name, marksForMs);
        const of = `${topic.id} ${topic.epochs.join()}`;
        const held = newest.get(name);
        if (held?.of === of) return held.marks;
        const marks = await Promise.all(topic.leaders.map((_, partition) => newestOf(topic, partition)));
        newest.set(name, { of, marks });
        return marks;
      }),
    agreed: (name: string, partition: number, known: readonly LogMark[], next: number): Promise<Agreement> =>
      persist(async () => {
        const topic = await led(name, 0);
        const [low] = await boundsOf(client, topics, name, [partition], earliest);
        const [high] = await boundsOf(client, topics, name, [partition], latest);
        const oldest =
          known.length === 0 ? 0 : Math.min(...known.map(({ id }) => Number(id.slice(id.indexOf("/") + 1))));
        const epochs: LogMark[] = [];
        for await (const { id, from, epoch } of epochsOf(topic, partition)) {
          epochs.unshift({ id, from });
          if (epoch <= oldest || epochs.length === mostEpochs) break;
        }
        if (epochs.length === 0) epochs.push({ id: idOf(topic, topic.epochs[partition]), from: 0 });
        return agreedUpTo(known, next, { epochs, low, high });
      }),
  };
};
