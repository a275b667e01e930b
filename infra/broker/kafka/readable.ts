import { setTimeout as sleep } from "node:timers/promises";
import { keyOf, type Log, type Written } from "./append.ts";
import { isPassing, isUnreachable } from "./errors.ts";
import { latest, listOffsets } from "./requests.ts";
import { partitionsByTopic } from "./topics.ts";

/**
 * Resolves when readers of committed data see what was written: markers follow a commit within milliseconds. Gives up
 * after `forMs`, as the open transaction of somebody else in the same partition may hold readers back.
 */
export const readable = async (
  { client, topics }: Pick<Log, "client" | "topics">,
  written: readonly Written[],
  forMs: number,
): Promise<void> => {
  const deadline = performance.now() + forMs;
  let left = [...written];
  for (let delay = 1; left.length > 0 && performance.now() < deadline; delay = Math.min(delay * 2, 20)) {
    const reached = new Map<string, number>();
    try {
      for (const [leader, parts] of await topics.byLeader(left)) {
        const exchange = listOffsets(partitionsByTopic(parts, topics.inKafka), latest);
        for (const { topic, partition, offset } of await client.send(leader, "control", exchange)) {
          reached.set(keyOf({ topic: topics.ours(topic), partition }), offset);
        }
      }
    } catch (error) {
      if (!isPassing(error) && !isUnreachable(error)) return;
    }
    left = left.filter((one) => (reached.get(keyOf(one)) ?? -1) < one.firstOffset + one.count);
    if (left.length > 0) await sleep(delay);
  }
};
