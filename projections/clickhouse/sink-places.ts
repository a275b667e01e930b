import { randomUUID } from "node:crypto";
import { type Broker, partitionKey } from "../../infra/broker/port.ts";
import type { Agreement } from "../../infra/log-marks.ts";
import { readOwnWrites } from "../../infra/warehouse/ddl.ts";
import type { Warehouse } from "../../infra/warehouse/open.ts";
import { deleteRows, type OnCut, reasonOf } from "../places/cut.ts";
import { keptMarks } from "../places/kept-marks.ts";
import { type TopicPlace, topicPlaces } from "../places/topic-places.ts";
import { ask } from "./read/ask.ts";
import type { Sink } from "./sinks/sink.ts";

/** Where a sink's table ends in its topics, and whose logs' rows it holds. */
export type SinkPlaces = {
  /**
   * Next offset by `topic/partition` of these topics, which have so many partitions: behind the newest record in the
   * table, after rows that the present logs do not hold were deleted.
   */
  resume(topics: ReadonlyMap<string, number>): Promise<Map<string, number>>;
  /**
   * Before rows of records up to these offsets, by `topic/partition`, are inserted: keeps the marks of their logs.
   * Answers what tells these logs from others. LOG_CHANGED where the rows are not of the logs that there are now.
   */
  keep(last: ReadonlyMap<string, { last: number }>): Promise<string>;
};

const here = "_topic = {topic:String} AND _partition = {partition:Int32}";

export const sinkPlaces = (broker: Broker, warehouse: Warehouse, sink: Sink, onCut: OnCut): SinkPlaces => {
  const store = sink.store ?? sink.table;
  const kept = keptMarks(warehouse, store);
  const places = topicPlaces(broker);
  /** After a cut the same records of the same log are inserted again: they must not be taken for those of before. */
  let cuts = "";

  /** The warehouse knows which records it has: the newest offset of each partition. */
  const ends = (topics: readonly string[]) =>
    ask<TopicPlace>(
      warehouse,
      `SELECT _topic AS topic, _partition AS partition, max(_offset) + 1 AS next FROM ${sink.table}
       WHERE _topic IN {topics:Array(String)} GROUP BY topic, partition ${readOwnWrites}`,
      { topics },
    );

  /** Deletes what the log does not hold; answers from where on it is to be read again. */
  const cutBack = async (place: TopicPlace, agreed: Agreement): Promise<number> => {
    const { topic, partition, next } = place;
    const to = sink.replaces ? await lowest(place, agreed) : agreed.at;
    const from = agreed.shared ? to : 0;
    await deleteRows(warehouse, sink.table, `${here} AND _offset >= {from:Int64}`, { topic, partition, from });
    cuts = randomUUID();
    onCut({ store, log: topic, partition, from: next, to, reason: reasonOf(agreed) });
    return to;
  };

  /** Of a row that has replaced another nothing is known of the other: what the log still has is all written again. */
  const lowest = async ({ topic, partition }: TopicPlace, { at }: Agreement): Promise<number> =>
    Math.min(at, (await broker.watermarks(topic))[partition].low);

  const resumed = async (place: TopicPlace, partitions: number, marks: Parameters<typeof places.check>[1]) => {
    if (place.partition < partitions) {
      const agreed = await places.check(place, marks);
      return agreed.at < place.next ? cutBack(place, agreed) : place.next;
    }
    // The topic was made again, with fewer partitions.
    return cutBack(place, { at: 0, marks: [], shared: false });
  };

  return {
    async resume(topics) {
      const names = [...topics.keys()];
      const next = new Map<string, TopicPlace>();
      for (const [topic, partitions] of topics) {
        for (let partition = 0; partition < partitions; partition++) {
          next.set(partitionKey(topic, partition), { topic, partition, next: 0 });
        }
      }
      for (const place of await ends(names)) next.set(partitionKey(place.topic, place.partition), place);
      const marks = new Map(
        (await kept.load(names)).map((one) => [partitionKey(one.log, one.partition), one.marks] as const),
      );
      const offsets = new Map<string, number>();
      for (const [key, place] of next) {
        offsets.set(key, await resumed(place, topics.get(place.topic) as number, marks.get(key) ?? []));
      }
      return offsets;
    },
    async keep(ranges) {
      const read = [...ranges].map(([key, { last }]): TopicPlace => {
        const slash = key.lastIndexOf("/");
        return { topic: key.slice(0, slash), partition: Number(key.slice(slash + 1)), next: last + 1 };
      });
      const marked = await places.advance(read);
      await kept.save(marked.map(({ place: { topic, partition }, marks }) => ({ log: topic, partition, marks })));
      places.kept(marked);
      return places.identity(ranges.keys()) + cuts;
    },
  };
};
