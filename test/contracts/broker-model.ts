import assert from "node:assert/strict";
import fc from "fast-check";
import { type Broker, partitionKey, partitionOf } from "../../infra/broker/port.ts";
import { readAll, readerOf, record, type Seen, seenIn } from "./broker-reading.ts";

type Step =
  | { do: "produce"; compact: boolean; records: { key: number; size: number | null }[] }
  | { do: "transact"; commit: boolean; records: { compact: boolean; key: number; size: number | null }[] }
  | { do: "poll"; times: number }
  | { do: "seek"; partition: number; to: number };

const size = fc.option(fc.integer({ min: 0, max: 300 }), { freq: 5 });
/** Random work of writers and readers. */
export const commands: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.record({
      do: fc.constant("produce" as const),
      compact: fc.boolean(),
      records: fc.array(fc.record({ key: fc.nat(5), size }), { maxLength: 40 }),
    }),
    fc.record({
      do: fc.constant("transact" as const),
      commit: fc.boolean(),
      records: fc.array(fc.record({ compact: fc.boolean(), key: fc.nat(5), size }), { maxLength: 40 }),
    }),
    fc.record({ do: fc.constant("poll" as const), times: fc.integer({ min: 1, max: 3 }) }),
    fc.record({ do: fc.constant("seek" as const), partition: fc.nat(1), to: fc.nat(30) }),
  ),
  { maxLength: 30 },
);

/** Does the steps to the broker and to plain lists, and compares what can be seen after each. */
export const followsModel = async (broker: Broker, other: Broker, prefix: string, steps: Step[]): Promise<void> => {
  const partitions = 2;
  const topics = { plain: `${prefix}-plain`, compact: `${prefix}-compact` };
  await broker.ensureTopic(topics.plain, { partitions, cleanup: "delete" });
  await broker.ensureTopic(topics.compact, { partitions, cleanup: "compact" });
  const model = new Map<string, Seen[]>();
  for (const topic of Object.values(topics)) {
    for (let partition = 0; partition < partitions; partition++) model.set(partitionKey(topic, partition), []);
  }
  const logOf = (topic: string, partition: number): Seen[] => model.get(partitionKey(topic, partition)) as Seen[];
  const append = (topic: string, one: Seen): void => {
    const log = logOf(topic, one.partition);
    const next = nextOffset(log);
    // Commits may take offsets of their own after records; without them offsets are dense.
    if (broker.commitMarkers === 0) assert.equal(one.offset, next);
    else assert.ok(one.offset >= next);
    log.push(one);
  };
  const reader = readerOf(other, topics.plain, partitions, 16);
  const position = [0, 0];
  let committed = 0;
  let clock = 0;
  const valueFor = (length: number | null): string | null => (length === null ? null : `${clock}`.padEnd(length, "v"));

  for (const step of steps) {
    if (step.do === "produce") {
      const topic = step.compact ? topics.compact : topics.plain;
      const records = step.records.map((one) => record(`key${one.key}`, valueFor(one.size), ++clock));
      const places = await broker.produce(topic, records);
      records.forEach(({ key, value, timestamp }, i) => {
        const partition = partitionOf(Buffer.from(key as string), partitions);
        assert.equal(places[i].partition, partition);
        append(topic, { ...places[i], key, value: value?.toString() ?? null, timestamp } as Seen);
      });
    } else if (step.do === "transact") {
      const transaction = other.transaction();
      const pending: [topic: string, record: Omit<Seen, "offset">][] = [];
      for (const one of step.records) {
        const topic = one.compact ? topics.compact : topics.plain;
        const key = `key${one.key}`;
        const value = valueFor(one.size);
        const at = ++clock;
        transaction.add(topic, one.key % 2, key, value === null ? null : Buffer.from(value), at);
        pending.push([topic, { partition: one.key % 2, key, value, timestamp: at }]);
      }
      transaction.offsets("group", [{ topic: topics.plain, partition: 0, offset: clock }]);
      if (step.commit) {
        const next = new Map(
          (await transaction.commit()).map(({ topic, partition, firstOffset }) => [
            partitionKey(topic, partition),
            firstOffset,
          ]),
        );
        for (const [topic, one] of pending) {
          const place = partitionKey(topic, one.partition);
          const offset = next.get(place) as number;
          append(topic, { ...one, offset });
          next.set(place, offset + 1);
        }
        committed = clock;
      } else transaction.abort();
      const offsets = (await broker.committed("group")).filter((one) => one.topic === topics.plain);
      assert.equal(offsets[0]?.offset ?? 0, committed);
    } else if (step.do === "seek") {
      const log = logOf(topics.plain, step.partition);
      position[step.partition] = Math.min(step.to, log.length);
      reader.seek(topics.plain, step.partition, log[position[step.partition]]?.offset ?? nextOffset(log));
    } else {
      for (let time = 0; time < step.times; time++) {
        for (let partition = 0; partition < partitions; partition++) {
          const batch = await reader.poll(topics.plain, partition);
          const log = logOf(topics.plain, partition);
          if (batch === null) assert.equal(position[partition], log.length);
          else {
            assert.deepEqual(seenIn(batch), log.slice(position[partition], position[partition] + batch.count));
            assert.ok(batch.count <= 16);
            position[partition] += batch.count;
          }
        }
      }
    }
    checkCompacted(await readAll(other, topics.compact, 10), logOf, topics.compact, partitions);
  }
  const all = [...logOf(topics.plain, 0), ...logOf(topics.plain, 1)];
  assert.deepEqual(await readAll(other, topics.plain, 10), all);
  await reader.close();
};

const nextOffset = (log: readonly Seen[]): number => (log.at(-1)?.offset ?? -1) + 1;

/** Ascending offsets, each record as it was written, and by key the same newest state as the whole log. */
const checkCompacted = (
  seen: Seen[],
  logOf: (topic: string, partition: number) => Seen[],
  topic: string,
  partitions: number,
): void => {
  for (let partition = 0; partition < partitions; partition++) {
    const log = logOf(topic, partition);
    const own = seen.filter((one) => one.partition === partition);
    own.forEach((one, i) => {
      assert.ok(i === 0 || one.offset > own[i - 1].offset);
      assert.deepEqual(
        one,
        log.find(({ offset }) => offset === one.offset),
      );
    });
    assert.deepEqual(newest(own), newest(log));
  }
};

const newest = (log: Seen[]): Record<string, string> => {
  const state: Record<string, string> = {};
  for (const { key, value } of log) {
    if (value === null) delete state[key as string];
    else state[key as string] = value;
  }
  return Object.fromEntries(Object.entries(state).sort());
};
