import { logChanged } from "../../infra/broker/log-changed.ts";
import { type Broker, partitionKey, type TopicPartition } from "../../infra/broker/port.ts";
import { type Agreement, type LogMark, withMark } from "../../infra/log-marks.ts";
import { isMillraceError } from "../../schemas/errors.ts";

/** Next offset that a store has not got of a partition. */
export type TopicPlace = TopicPartition & { next: number };

export type MarkedPlace = { place: TopicPlace; marks: readonly LogMark[] };

/** The places of one derived store in the logs of topics, and the marks that it keeps beside them. */
export type TopicPlaces = {
  /** To begin with: how far what was derived before `next` agrees with the log. */
  check(place: TopicPlace, marks: readonly LogMark[]): Promise<Agreement>;
  /**
   * Before what was read up to these places is written: the partitions whose marks are not kept yet, to be kept first.
   * LOG_CHANGED where what was read is of another log than there is now.
   */
  advance(places: readonly TopicPlace[]): Promise<readonly MarkedPlace[]>;
  /** They are kept now. */
  kept(marked: readonly MarkedPlace[]): void;
  /** Tells the logs of these partitions from all others. */
  identity(keys: Iterable<string>): string;
};

export const topicPlaces = (broker: Broker): TopicPlaces => {
  const known = new Map<string, readonly LogMark[]>();
  const unkept = new Set<string>();
  const keyOf = ({ topic, partition }: TopicPartition): string => partitionKey(topic, partition);

  /** null where the topic is gone: what was read of it is of the log that is known. */
  const newestOf = async (topic: string): Promise<readonly LogMark[] | null> => {
    try {
      return await broker.marks(topic);
    } catch (error) {
      if (isMillraceError(error, "UNKNOWN_TOPIC")) return null;
      throw error;
    }
  };

  return {
    async check(place, marks) {
      const agreed = await broker.agreed(place, marks, place.next);
      known.set(keyOf(place), agreed.marks);
      unkept.add(keyOf(place));
      return agreed;
    },
    async advance(places) {
      const newest = new Map<string, readonly LogMark[] | null>();
      for (const place of places) {
        const { topic, partition, next } = place;
        if (!newest.has(topic)) newest.set(topic, await newestOf(topic));
        const key = keyOf(place);
        const marks = known.get(key) ?? [];
        const now = newest.get(topic)?.[partition];
        const last = marks.at(-1);
        if (now === undefined || (now.id === last?.id && now.from === last.from)) continue;
        // What was read may be of an epoch that began since: only whether it is the same log can be told.
        if (!(await broker.agreed(place, marks, next)).shared) throw logChanged(topic);
        known.set(key, withMark(marks, now));
        unkept.add(key);
      }
      return places
        .filter((place) => unkept.has(keyOf(place)))
        .map((place) => ({ place, marks: known.get(keyOf(place)) ?? [] }));
    },
    kept(marked) {
      for (const { place } of marked) unkept.delete(keyOf(place));
    },
    identity: (keys) => [...keys].map((key) => known.get(key)?.at(-1)?.id ?? "").join("|"),
  };
};
