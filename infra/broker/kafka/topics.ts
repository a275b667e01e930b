import { MillraceError } from "../../../schemas/errors.ts";
import type { TopicConfig, TopicPartition } from "../port.ts";
import { checkConfig, unknownTopic } from "../sqlite-catalog.ts";
import type { KafkaClient } from "./client.ts";
import { codes, hasCode, ProtocolError } from "./errors.ts";
import type { PartitionsOf } from "./exchange.ts";
import { alterTopic, createTopic, deleteTopic, describeTopics, type Metadata } from "./requests.ts";
import {
  configOf,
  DEFAULT_MAX_RECORD_BYTES,
  managed,
  managedOnly,
  maxBatchBytes,
  oldConfigs,
  settingsOf,
} from "./topic-configs.ts";

export type KafkaTopic = {
  name: string;
  /** Another after it was deleted and made again. */
  id: string;
  config: TopicConfig;
  /** Largest key + value of one record, and where a batch is closed, in bytes. */
  maxRecordBytes: number;
  sealBytes: number;
  /** Node that leads each partition, -1 where none does. */
  leaders: number[];
  /** How many leaders each partition has had, as of when the topic was looked up. */
  epochs: number[];
};

/** Topics as this process last saw them. Names are ours, without the prefix, but where they are said to be Kafka's. */
export type Topics = {
  /** As last seen, however long ago. */
  known(name: string): KafkaTopic | undefined;
  /** UNKNOWN_TOPIC where there is none. */
  get(name: string): Promise<KafkaTopic>;
  find(name: string): Promise<KafkaTopic | undefined>;
  /** As it is, or was so long ago where it is there; a second without it. */
  now(name: string, freshForMs?: number): Promise<KafkaTopic | undefined>;
  list(): Promise<KafkaTopic[]>;
  ensure(name: string, config: TopicConfig): Promise<void>;
  delete(name: string): Promise<void>;
  /** Looks leaders up anew before the next use. */
  forget(name: string): void;
  /** Parts by the node that leads them; a part without a leader fails as one that passes by. */
  byLeader<T extends TopicPartition>(parts: readonly T[]): Promise<Map<number, T[]>>;
  /** Every partition that there is, as Kafka names them: asked for anew. */
  partitionsNow(): Promise<PartitionsOf[]>;
  inKafka(name: string): string;
  ours(kafkaName: string): string;
};

const freshMs = 1_000;
const SEAL_BYTES = 1 << 20;

export const kafkaTopics = (client: KafkaClient, prefix: string, replicationFactor: number): Topics => {
  const seen = new Map<string, KafkaTopic>();
  const seenAt = new Map<string, number>();
  const stale = new Set<string>();
  let listed: { at: number; all: Promise<KafkaTopic[]> } | null = null;

  const inKafka = (name: string): string => prefix + name;

  const described = async (names: readonly string[] | null): Promise<Metadata["topics"]> => {
    const { topics } = await client.metadata(names === null ? null : names.map(inKafka));
    return topics.filter(
      ({ topic, code, internal }) =>
        code !== codes.UNKNOWN_TOPIC_OR_PARTITION &&
        code !== codes.INVALID_TOPIC &&
        !internal &&
        !topic.startsWith("__") &&
        topic.startsWith(prefix),
    );
  };

  const configsOf = (topicNames: readonly string[]) => client.ask(describeTopics(topicNames, managed));

  /** Those of the names that exist, by name. */
  const load = async (names: readonly string[] | null): Promise<KafkaTopic[]> => {
    const found = await described(names);
    const configs = found.length === 0 ? new Map() : await configsOf(found.map(({ topic }) => topic));
    const loaded: KafkaTopic[] = [];
    for (const { topic, id, code, partitions } of found) {
      if (code !== 0 && code !== codes.LEADER_NOT_AVAILABLE) throw new ProtocolError(code, "Metadata", topic);
      const own = configs.get(topic);
      if (!(own instanceof Map)) {
        if (own === codes.UNKNOWN_TOPIC_OR_PARTITION) continue;
        throw new ProtocolError(own ?? codes.UNKNOWN_TOPIC_OR_PARTITION, "DescribeConfigs", topic);
      }
      const leaders = new Array<number>(partitions.length).fill(-1);
      const epochs = new Array<number>(partitions.length).fill(0);
      for (const { partition, leader, epoch } of partitions) {
        leaders[partition] = leader;
        epochs[partition] = epoch;
      }
      const config = configOf(partitions.length, own);
      const name = topic.slice(prefix.length);
      loaded.push({
        name,
        id,
        config,
        maxRecordBytes: config.maxRecordBytes ?? DEFAULT_MAX_RECORD_BYTES,
        sealBytes: Math.min(SEAL_BYTES, maxBatchBytes(own)),
        leaders,
        epochs,
      });
    }
    loaded.sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const name of names ?? seen.keys()) {
      if (loaded.some((one) => one.name === name)) continue;
      seen.delete(name);
      seenAt.delete(name);
    }
    for (const one of loaded) {
      seen.set(one.name, one);
      seenAt.set(one.name, performance.now());
      stale.delete(one.name);
    }
    return loaded;
  };

  const find = async (name: string): Promise<KafkaTopic | undefined> => {
    const held = seen.get(name);
    if (held !== undefined && !stale.has(name)) return held;
    await client.persist(() => load([name]));
    return seen.get(name);
  };

  const get = async (name: string): Promise<KafkaTopic> => {
    const found = await find(name);
    if (found === undefined) throw unknownTopic(name);
    return found;
  };

  /** Brokers learn of a change one after the other. */
  const until = (name: string, reached: (found: KafkaTopic | undefined) => boolean): Promise<void> =>
    client.persist(
      async () => {
        await load([name]);
        if (!reached(seen.get(name))) throw new ProtocolError(codes.LEADER_NOT_AVAILABLE, "Metadata", name);
      },
      { firstDelayMs: 2, longestDelayMs: 100 },
    );

  const create = async (name: string, config: TopicConfig): Promise<void> => {
    const make = (settings: Parameters<typeof createTopic>[3]): Promise<void> =>
      onController(createTopic(inKafka(name), config.partitions, replicationFactor, settings));
    try {
      await make(settingsOf(config));
    } catch (error) {
      if (hasCode(error, codes.TOPIC_ALREADY_EXISTS)) return;
      // Before Kafka 3.6 there is one setting for both directions of time, and its default is no limit.
      if (!hasCode(error, codes.INVALID_CONFIG)) throw error;
      await make(oldConfigs(settingsOf(config))).catch((again) => {
        if (!hasCode(again, codes.TOPIC_ALREADY_EXISTS)) throw again;
      });
    }
  };

  const onController = async (exchange: Parameters<KafkaClient["send"]>[2]): Promise<void> => {
    const { controller } = await client.metadata([]);
    await (controller < 0 ? client.ask(exchange) : client.send(controller, "control", exchange));
  };

  return {
    known: (name) => seen.get(name),
    get,
    find,
    async now(name, freshForMs = freshMs) {
      if (performance.now() - (seenAt.get(name) ?? 0) > freshForMs) stale.add(name);
      return find(name);
    },
    async list() {
      if (listed === null || performance.now() - listed.at > freshMs) {
        listed = { at: performance.now(), all: client.persist(() => load(null)) };
        listed.all.catch(() => {
          listed = null;
        });
      }
      return listed.all;
    },
    async ensure(name, config) {
      checkConfig(name, config);
      stale.add(name);
      let existing = await find(name);
      listed = null;
      if (existing === undefined) {
        await client.persist(() => create(name, config));
        await until(name, (found) => found?.leaders.every((leader) => leader >= 0) ?? false);
        existing = seen.get(name) as KafkaTopic;
      }
      if (existing.config.partitions !== config.partitions) {
        throw new MillraceError(
          "ILLEGAL_STATE",
          `topic "${name}" has ${existing.config.partitions} partitions, not ${config.partitions}: ` +
            "records would change their partition; use another topic",
        );
      }
      if (sameConfig(existing.config, config)) return;
      const settings = managedOnly(settingsOf(config));
      const unset = config.retentionMs === undefined && config.cleanup === "compact" ? ["retention.ms"] : [];
      await client.persist(() => onController(alterTopic(inKafka(name), settings, unset)));
      await until(name, (found) => found !== undefined && sameConfig(found.config, config));
    },
    async delete(name) {
      await get(name);
      listed = null;
      await client
        .persist(() => onController(deleteTopic(inKafka(name))))
        .catch((error) => {
          throw error instanceof MillraceError && error.code === "UNKNOWN_TOPIC" ? unknownTopic(name) : error;
        });
      await until(name, (found) => found === undefined);
    },
    forget: (name) => {
      stale.add(name);
    },
    async byLeader(parts) {
      const leaders = new Map<number, (typeof parts)[number][]>();
      for (const part of parts) {
        const { leaders: of, config } = await get(part.topic);
        if (part.partition >= config.partitions) throw noPartition(part.topic, part.partition, config.partitions);
        const leader = of[part.partition];
        if (leader < 0) {
          stale.add(part.topic);
          throw new ProtocolError(codes.LEADER_NOT_AVAILABLE, "Metadata", `${part.topic}/${part.partition}`);
        }
        const held = leaders.get(leader);
        if (held === undefined) leaders.set(leader, [part]);
        else held.push(part);
      }
      return leaders;
    },
    partitionsNow: async () =>
      (await described(null)).map(({ topic, partitions }) => ({
        topic,
        partitions: partitions.map(({ partition }) => partition),
      })),
    inKafka,
    ours: (kafkaName) => kafkaName.slice(prefix.length),
  };
};

export const noPartition = (topic: string, partition: number, partitions: number): MillraceError =>
  new MillraceError(
    "UNKNOWN_TOPIC",
    `topic "${topic}" has ${partitions} partitions, counted from 0: there is no partition ${partition}`,
  );

const sameConfig = (a: TopicConfig, b: TopicConfig): boolean =>
  a.cleanup === b.cleanup &&
  a.retentionMs === b.retentionMs &&
  (a.maxRecordBytes ?? DEFAULT_MAX_RECORD_BYTES) === (b.maxRecordBytes ?? DEFAULT_MAX_RECORD_BYTES);

/** Partition numbers by topic, as Kafka's requests have them. */
export const partitionsByTopic = (parts: readonly TopicPartition[], name: (ours: string) => string): PartitionsOf[] => {
  const topics = new Map<string, number[]>();
  for (const { topic, partition } of parts) {
    const held = topics.get(topic);
    if (held === undefined) topics.set(topic, [partition]);
    else held.push(partition);
  }
  return [...topics].map(([topic, partitions]) => ({ topic: name(topic), partitions }));
};
