import { setTimeout as delay } from "node:timers/promises";
import { type Broker, partitionKey } from "../infra/broker/port.ts";
import { MillraceError } from "../schemas/errors.ts";
import type { TrainingPlan } from "./plan.ts";

const POLL_MS = 250;
/** Streams that take nothing for so long are taken to be down. */
const PATIENCE_MS = 60_000;

/**
 * Waits until the application's tasks have taken every record that the sources hold at the call: the journal is the
 * history, so what is not in it yet would silently be missing in the training set. TRAINING_FAILED when they stand still.
 */
export const streamsCaughtUp = async (
  broker: Broker,
  plan: TrainingPlan,
  signal: AbortSignal | undefined,
  onProgress: (behind: number) => void,
): Promise<void> => {
  const wanted = new Map<string, number>();
  for (const { topic } of plan.sources) {
    (await broker.watermarks(topic)).forEach(({ high }, partition) => {
      wanted.set(partitionKey(topic, partition), high);
    });
  }
  let least = Number.POSITIVE_INFINITY;
  let movedAt = performance.now();
  for (;;) {
    const committed = new Map(
      (await broker.committed(plan.application)).map(({ topic, partition, offset }) => [
        partitionKey(topic, partition),
        offset,
      ]),
    );
    let behind = 0;
    for (const [key, high] of wanted) behind += Math.max(0, high - (committed.get(key) ?? 0));
    if (behind === 0) return;
    if (behind < least) {
      least = behind;
      movedAt = performance.now();
    } else if (performance.now() - movedAt > PATIENCE_MS) {
      throw new MillraceError(
        "TRAINING_FAILED",
        `The streams stand still ${behind} records behind ${plan.application}; start the streams role and try again.`,
      );
    }
    onProgress(behind);
    await delay(POLL_MS, undefined, { signal });
  }
};
