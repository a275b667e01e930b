import { MillraceError } from "../../../schemas/errors.ts";
import type { Offsets } from "../port.ts";
import { allOf, append, type Log, soon, type Written } from "./append.ts";
import { codes, hasCode, ProtocolError } from "./errors.ts";
import type { OffsetsOf } from "./exchange.ts";
import { noPartition, partitionsByTopic, type Topics } from "./topics.ts";
import {
  addOffsets,
  addPartitions,
  commitOffsetsInTransaction,
  describeTransaction,
  endTransaction,
  initProducer,
  type Producer,
} from "./transaction-requests.ts";
import type { Part, Unit } from "./unit.ts";

export type TransactionalProducer = {
  /** Ends what an earlier holder of the id left open, and fences it. */
  open(): Promise<void>;
  /** All of the unit, or an error and nothing of it. One at a time; resolves when readers may see it. */
  commit(unit: Unit): Promise<Written[]>;
  /** Whether the last commit that failed was surely undone, so that it may be tried again. */
  undone(): boolean;
};

const endPatienceMs = 15_000;
const openPatienceMs = 40_000;
const markedPatienceMs = 1_000;

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

  /** Readers are held back until the markers of the commit are written: for milliseconds. Nothing can be undone any more. */
  const marked = async (): Promise<void> => {
    const attempt = async (): Promise<void> => {
      const state = await client.coordinate("transaction", id, describeTransaction(id));
      if (state === "PrepareCommit") throw new ProtocolError(codes.CONCURRENT_TRANSACTIONS, "DescribeTransactions");
    };
    await client.persist(attempt, { ...soon, forMs: markedPatienceMs }).catch(() => {});
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
        await marked();
        return await appended;
      } catch (error) {
        for (const { topic } of parts) topics.forget(topic);
        throw await fail(who, error, { produced, ending });
      }
    },
    undone: () => undone,
  };
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
