import { type Broker, partitionKey, type TopicPartition } from "../infra/broker/port.ts";
import type { LogMark } from "../infra/log-marks.ts";
import type { Entry, Expectation, OnlineStore } from "../infra/online-store/port.ts";
import { featurePrefix } from "./online-changes.ts";
import { type OnCut, reasonOf } from "./places/cut.ts";
import { topicPlaces } from "./places/topic-places.ts";

const prefix = "online-features:";
const offsetKey = (place: string): string => prefix + place;
const marksKey = (place: string): string => `${prefix}${place}:marks`;

/** Applications are named `<project>.<rest>`, and a project's name has no dot. */
export const projectOf = (topic: string): string => topic.slice(0, topic.indexOf("."));

/** Where the online store's features end in the changelogs, and whose logs' states they are. */
export type OnlinePlaces = {
  /** Next offset by `topic/partition`. */
  readonly offsets: Map<string, number>;
  /**
   * Takes up partitions where the store has got to. Answers the projects, of these or of partitions taken up before,
   * whose features held states that the logs do not: they are removed, and all of the project begins at the start.
   */
  take(added: readonly TopicPartition[]): Promise<ReadonlySet<string>>;
  /** What is to be written with the states up to these places: before them, behind them, and what the store must hold. */
  writes(places: Iterable<string>): Promise<{ before: Entry[]; behind: Entry[]; expected: Expectation[] }>;
  forget(): void;
};

export const onlinePlaces = (broker: Broker, onlineStore: OnlineStore, onCut: OnCut): OnlinePlaces => {
  const logs = topicPlaces(broker);
  const offsets = new Map<string, number>();
  const partitions = new Map<string, TopicPartition>();
  /** The offsets that the store holds, by place; null for none. */
  const kept = new Map<string, Buffer | null>();

  const load = async (added: readonly TopicPartition[]): Promise<Set<string>> => {
    const others = new Set<string>();
    const keys = added.map(({ topic, partition }) => partitionKey(topic, partition));
    const stored = await onlineStore.mget([...keys.map(offsetKey), ...keys.map(marksKey)]);
    for (const [i, key] of keys.entries()) {
      const [offset, marks] = [stored[i], stored[keys.length + i]];
      const { topic, partition } = added[i];
      const next = Number(offset?.toString() ?? 0);
      const known = marks === null ? [] : (JSON.parse(marks.toString()) as LogMark[]);
      const agreed = await logs.check({ topic, partition, next }, known);
      partitions.set(key, added[i]);
      offsets.set(key, next);
      kept.set(key, offset);
      if (agreed.at >= next) continue;
      others.add(projectOf(topic));
      onCut({ store: "online-features", log: topic, partition, from: next, to: 0, reason: reasonOf(agreed) });
    }
    return others;
  };

  /** The features first: as long as a place is there, the next start finds that it is of another log. */
  const clear = async (project: string): Promise<void> => {
    await onlineStore.clear(featurePrefix(project));
    await onlineStore.clear(`${prefix}${project}.`);
    for (const [key, { topic, partition }] of partitions) {
      if (projectOf(topic) !== project) continue;
      await logs.check({ topic, partition, next: 0 }, []);
      offsets.set(key, 0);
      kept.set(key, null);
    }
  };

  return {
    offsets,
    async take(added) {
      const others = await load(added);
      for (const project of others) await clear(project);
      return others;
    },
    async writes(places) {
      const behind: Entry[] = [];
      const expected: Expectation[] = [];
      const moved = [...places];
      const read = moved.map((key) => ({
        ...(partitions.get(key) as TopicPartition),
        next: offsets.get(key) as number,
      }));
      const marked = await logs.advance(read);
      logs.kept(marked);
      const before = marked.map(({ place: { topic, partition }, marks }): Entry => {
        const key = marksKey(partitionKey(topic, partition));
        return { key, value: Buffer.from(JSON.stringify(marks)) };
      });
      for (const [i, key] of moved.entries()) {
        const { next } = read[i];
        const value = Buffer.from(String(next));
        behind.push({ key: offsetKey(key), value, offset: next });
        expected.push({ key: offsetKey(key), value: kept.get(key) ?? null });
        kept.set(key, value);
      }
      return { before, behind, expected };
    },
    forget() {
      offsets.clear();
      partitions.clear();
      kept.clear();
    },
  };
};
