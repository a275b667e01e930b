/** A prediction that waits for its outcome. `offset` and `output` are known once the batch is scored. */
export type PendingPrediction = {
  id: string;
  key: string;
  entity: string;
  time: number;
  /** Index of the variant in the deployment's split at that revision, resolved to names. */
  model: string;
  version: number;
  variant: string;
  /** Offset of the prediction in its topic. */
  offset: number;
  /** Next offset of the outcomes topic when the prediction was made: no outcome of it lies before. */
  outcomesFrom: number;
  /** NaN until scored, and for good where scoring failed. */
  output: number;
  /** Another prediction with the same business key: a shadow, or a repeated key. */
  next: PendingPrediction | null;
  /** Waits no more: met, expired or never scored. */
  done: boolean;
};

/** A prediction and the outcome that it met. */
export type Joined = {
  prediction: PendingPrediction;
  outcome: number;
  time: number;
  offset: number;
};

export type PendingPredictions = {
  readonly size: number;
  add(prediction: PendingPrediction): void;
  /**
   * Takes out every prediction of the key; those within the horizon of both the outcome and the watermark are answered
   * (what `expire` forgets at a commit could not have been met anyway), as a list by `next`; null when there is none.
   */
  take(key: string, outcomeTime: number, watermark: number): PendingPrediction | null;
  /** Forgets what can no longer be met. */
  expire(watermark: number): void;
  /** The oldest that still waits, or null. */
  oldest(): PendingPrediction | null;
  forget(id: string, key: string): void;
};

/** Waiting predictions by business key, and in the order in which they were made. */
export const pendingPredictions = (horizonMs: number): PendingPredictions => {
  const byKey = new Map<string, PendingPrediction>();
  /** All in order; those before `first`, and those that are `done`, wait no more. */
  let queue: PendingPrediction[] = [];
  let first = 0;
  let size = 0;

  const settle = (prediction: PendingPrediction): void => {
    prediction.done = true;
    size -= 1;
  };

  const keep = (key: string, list: readonly PendingPrediction[]): void => {
    if (list.length === 0) {
      byKey.delete(key);
      return;
    }
    list.forEach((prediction, i) => {
      prediction.next = list[i + 1] ?? null;
    });
    byKey.set(key, list[0]);
  };

  const remove = (prediction: PendingPrediction): void => {
    settle(prediction);
    if (prediction.next === null && byKey.get(prediction.key) === prediction) {
      byKey.delete(prediction.key);
      return;
    }
    keep(
      prediction.key,
      listOf(byKey.get(prediction.key) ?? null).filter((one) => one !== prediction),
    );
  };

  const skipDone = (): void => {
    while (first < queue.length && queue[first].done) first += 1;
    if (first > 4096 && first > queue.length / 2) {
      queue = queue.slice(first);
      first = 0;
    }
  };

  return {
    get size() {
      return size;
    },
    add: (prediction) => {
      queue.push(prediction);
      size += 1;
      const held = byKey.get(prediction.key);
      if (held === undefined) byKey.set(prediction.key, prediction);
      else keep(prediction.key, [...listOf(held), prediction]);
    },
    take: (key, outcomeTime, watermark) => {
      const held = byKey.get(key);
      if (held === undefined) return null;
      byKey.delete(key);
      const oldestMet = Math.max(outcomeTime, watermark) - horizonMs;
      if (held.next === null) {
        settle(held);
        return held.time >= oldestMet ? held : null;
      }
      const list = listOf(held);
      list.forEach(settle);
      const met = list.filter(({ time }) => time >= oldestMet);
      met.forEach((prediction, i) => {
        prediction.next = met[i + 1] ?? null;
      });
      return met[0] ?? null;
    },
    expire: (watermark) => {
      for (skipDone(); first < queue.length && queue[first].time < watermark - horizonMs; skipDone()) {
        remove(queue[first]);
      }
    },
    oldest: () => {
      skipDone();
      return queue[first] ?? null;
    },
    forget: (id, key) => {
      const found = listOf(byKey.get(key) ?? null).find((prediction) => prediction.id === id);
      if (found !== undefined) remove(found);
    },
  };
};

const listOf = (first: PendingPrediction | null): PendingPrediction[] => {
  const list: PendingPrediction[] = [];
  for (let at = first; at !== null; at = at.next) list.push(at);
  return list;
};
