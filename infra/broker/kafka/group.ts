import { setTimeout as sleep } from "node:timers/promises";
import type { Membership } from "../port.ts";
import { assign, decodeAssignment, decodeSubscription, encodeAssignment, encodeSubscription } from "./assignment.ts";
import type { KafkaClient } from "./client.ts";
import { codes, hasCode, ProtocolError } from "./errors.ts";
import { heartbeat, type Joined, joinGroup, leaveGroup, syncGroup } from "./group-requests.ts";
import type { Topics } from "./topics.ts";

/** A member that is not heard of for so long is dead to the others, and to itself. Kafka takes 6 s at least. */
const sessionMs = 8_000;
const rebalanceMs = 10_000;
const heartbeatMs = 2_000;
const retryMs = 200;
const assigner = "millrace-copartitioned";

/** Membership by Kafka's consumer group protocol. It owns nothing until topics are subscribed to. */
export const kafkaMembership = async (client: KafkaClient, topics: Topics, name: string): Promise<Membership> => {
  const group = topics.inKafka(name);
  const lane = client.memberLane();
  const left = new AbortController();
  const watchers = new Set<() => void>();
  let wanted: readonly string[] | null = null;
  let subscribed = Promise.withResolvers<void>();
  let member = "";
  let generation = -1;
  let owned: readonly number[] = [];
  let revision = 0;
  let silence: NodeJS.Timeout | undefined;

  const own = (numbers: readonly number[]): void => {
    const isSame = numbers.length === owned.length && numbers.every((number, i) => number === owned[i]);
    if (isSame && revision > 0) return;
    owned = numbers;
    revision += 1;
    for (const watcher of [...watchers]) watcher();
  };

  /** From now on the coordinator counts on this member for so long. */
  const heard = (forMs: number): void => {
    clearTimeout(silence);
    if (left.signal.aborted) return;
    silence = setTimeout(() => own([]), forMs);
    silence.unref();
  };

  const assignments = async ({ members }: Joined): Promise<{ member: string; assignment: Buffer }[]> => {
    if (members.length === 0) return [];
    const all = members.map(({ member: id, metadata }) => decodeSubscription(id, metadata));
    const counts = new Map<string, number>();
    for (const topic of new Set(all.flatMap((one) => one.topics))) {
      const ours = topics.ours(topic);
      topics.forget(ours);
      const found = await topics.find(ours);
      if (found !== undefined) counts.set(topic, found.config.partitions);
    }
    const given = assign(all, Math.max(1, ...counts.values()));
    return all.map(({ id, topics: read }) => ({
      member: id,
      assignment: encodeAssignment(given.get(id) ?? [], new Map([...counts].filter(([topic]) => read.includes(topic)))),
    }));
  };

  const join = async (read: readonly string[]): Promise<void> => {
    const subscription = encodeSubscription(read, owned, generation);
    const ask = (id: string) =>
      client.coordinate("group", group, joinGroup(group, id, assigner, subscription, { sessionMs, rebalanceMs }), lane);
    let joined = await ask(member);
    if ("required" in joined) joined = await ask(joined.required);
    if ("required" in joined) throw new Error("the coordinator named another member id");
    member = joined.member;
    const round = joined.generation;
    const given = joined.leader === member ? await assignments(joined) : [];
    const exchange = syncGroup(group, round, member, given, rebalanceMs);
    const assignment = decodeAssignment(await client.coordinate("group", group, exchange, lane));
    if (left.signal.aborted) return;
    generation = round;
    heard(sessionMs);
    own(assignment);
  };

  /** Resolves when the group is to be joined anew. */
  const stay = async (read: readonly string[]): Promise<void> => {
    while (!left.signal.aborted && wanted === read) {
      await Promise.race([pause(heartbeatMs, left.signal), subscribed.promise]);
      if (left.signal.aborted || wanted !== read) return;
      await client.coordinate("group", group, heartbeat(group, generation, member), lane);
      heard(sessionMs);
    }
  };

  const run = async (): Promise<void> => {
    while (!left.signal.aborted) {
      await Promise.race([subscribed.promise, aborted(left.signal)]);
      if (left.signal.aborted || wanted === null) return;
      const read = wanted;
      subscribed = Promise.withResolvers<void>();
      try {
        await join(read);
        await stay(read);
        heard(sessionMs + rebalanceMs);
      } catch (error) {
        subscribed.resolve();
        // An answer at least. While it joins again it keeps what it has, however long the others take.
        if (error instanceof ProtocolError) heard(sessionMs + rebalanceMs);
        if (hasCode(error, codes.UNKNOWN_MEMBER_ID)) {
          // Counted as dead: others have what this member had.
          member = "";
          own([]);
        } else if (!hasCode(error, codes.REBALANCE_IN_PROGRESS, codes.ILLEGAL_GENERATION)) {
          await pause(retryMs, left.signal);
        }
      }
    }
  };

  await client.persist(() =>
    // A group that may not be used is told now; that nobody of that name is a member is no news.
    client.coordinate("group", group, heartbeat(group, 0, "nobody"), lane).catch((error) => {
      if (!hasCode(error, codes.UNKNOWN_MEMBER_ID)) throw error;
    }),
  );
  const running = run();

  return {
    subscribe(names) {
      const read = names.map(topics.inKafka).sort();
      if (wanted !== null && read.join("\n") === wanted.join("\n")) return;
      wanted = read;
      subscribed.resolve();
    },
    owns: (partition) => owned.includes(partition),
    revision: () => revision,
    changed: (seen, signal) =>
      new Promise((resolve) => {
        const done = (): void => {
          watchers.delete(done);
          signal.removeEventListener("abort", done);
          resolve();
        };
        if (revision !== seen || signal.aborted) return resolve();
        watchers.add(done);
        signal.addEventListener("abort", done, { once: true });
      }),
    async leave() {
      if (left.signal.aborted) return;
      left.abort();
      clearTimeout(silence);
      own([]);
      if (member !== "") {
        await client.coordinate("group", group, leaveGroup(group, member)).catch(() => {});
      }
      const over = new AbortController();
      await Promise.race([running, pause(retryMs, over.signal)]);
      over.abort();
    },
  };
};

const pause = (ms: number, signal: AbortSignal): Promise<void> => sleep(ms, undefined, { signal }).catch(() => {});

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
