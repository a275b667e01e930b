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
};

/** A prediction and the outcome that it met. */
export type Joined = {
  prediction: PendingPrediction;
  outcome: number;
  time: number;
  topic: string;
  offset: number;
};

export type PendingPredictions = {
  readonly size: number;
  add(prediction: PendingPrediction): void;
  /**
   * Takes out every prediction of the key that is within the horizon of both the outcome and the watermark (so that
   * what `expire` forgets at a commit could not have been met anyway); null when there is none.
   */
  take(key: string, outcomeTime: number, watermark: number): PendingPrediction | null;
  /** Forgets what can no longer be met. Answers how many were forgotten. */
  expire(watermark: number): number;
  /** The oldest that still waits, or null. */
  oldest(): PendingPrediction | null;
  forget(id: string, key: string): void;
};

/** Waiting predictions by business key, in the order in which they were made. */
export const pendingPredictions = (horizonMs: number): PendingPredictions => {
  const byKey = new Map<string, PendingPrediction>();
  return {
    get size() {
      return byKey.size;
    },
    add: (prediction) => {
      const held = byKey.get(prediction.key);
      if (held === undefined) {
        byKey.set(prediction.key, prediction);
        return;
      }
      let last = held;
      while (last.next !== null) last = last.next;
      last.next = prediction;
    },
    take: (key, outcomeTime, watermark) => {
      const first = byKey.get(key);
      if (first === undefined) return null;
      byKey.delete(key);
      let kept: PendingPrediction | null = null;
      for (let at: PendingPrediction | null = first; at !== null; ) {
        const following: PendingPrediction | null = at.next;
        if (outcomeTime - at.time <= horizonMs && at.time >= watermark - horizonMs) {
          at.next = kept;
          kept = at;
        }
        at = following;
      }
      return kept === null ? null : reversed(kept);
    },
    expire: (watermark) => {
      let expired = 0;
      for (const [key, prediction] of byKey) {
        if (prediction.time >= watermark - horizonMs) break;
        byKey.delete(key);
        expired += 1;
      }
      return expired;
    },
    oldest: () => byKey.values().next().value ?? null,
    forget: (id, key) => {
      const first = byKey.get(key);
      if (first === undefined) return;
      const rest: PendingPrediction[] = [];
      for (let at: PendingPrediction | null = first; at !== null; at = at.next) if (at.id !== id) rest.push(at);
      if (rest.length === 0) {
        byKey.delete(key);
        return;
      }
      rest.forEach((prediction, i) => {
        prediction.next = rest[i + 1] ?? null;
      });
      byKey.set(key, rest[0]);
    },
  };
};

const reversed = (list: PendingPrediction): PendingPrediction => {
  let result: PendingPrediction | null = null;
  for (let at: PendingPrediction | null = list; at !== null; ) {
    const following: PendingPrediction | null = at.next;
    at.next = result;
    result = at;
    at = following;
  }
  return result as PendingPrediction;
};
