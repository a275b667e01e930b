/** What a subscriber gets: a value, and how many were passed over since the one before it. */
export type Delivered<T> = { value: T; skipped: number };

export type BoundedQueue<T> = AsyncIterableIterator<Delivered<T>> & {
  push(value: T): void;
  /** Counts values that were never queued. */
  skip(count: number): void;
  /** Ends the iteration with an error. */
  fail(error: unknown): void;
};

/** Values handed over in a row, some 2 ms of work, before whatever else waits on this thread has its turn. */
const BURST = 16;

/**
 * A queue between a live feed and one subscriber. A subscriber that is slow loses the oldest values and is told
 * how many; memory stays bounded. `onClose` runs once, however the iteration ends.
 */
export const boundedQueue = <T>(capacity: number, onClose: () => void): BoundedQueue<T> => {
  let values: T[] = [];
  let skipped = 0;
  let closed = false;
  let handed = 0;
  let failure: { error: unknown } | null = null;
  let waiting: { resolve: (result: IteratorResult<Delivered<T>>) => void; reject: (error: unknown) => void } | null =
    null;

  const take = (): Delivered<T> => {
    const delivered = { value: values.shift() as T, skipped };
    skipped = 0;
    return delivered;
  };

  const close = (): void => {
    if (closed) return;
    closed = true;
    values = [];
    waiting?.resolve({ value: undefined, done: true });
    waiting = null;
    onClose();
  };

  return {
    push(value) {
      if (closed) return;
      if (values.length >= capacity) {
        values.shift();
        skipped += 1;
      }
      values.push(value);
      if (waiting !== null) {
        waiting.resolve({ value: take(), done: false });
        waiting = null;
      }
    },
    skip(count) {
      skipped += count;
    },
    fail(error) {
      if (closed) return;
      if (waiting === null) {
        failure = { error };
        return;
      }
      waiting.reject(error);
      waiting = null;
      close();
    },
    next() {
      if (values.length > 0) {
        handed += 1;
        if (handed % BURST > 0) return Promise.resolve({ value: take(), done: false });
        return new Promise((resolve) => setImmediate(() => resolve(this.next())));
      }
      if (failure !== null && !closed) {
        close();
        return Promise.reject(failure.error);
      }
      if (closed) return Promise.resolve({ value: undefined, done: true });
      return new Promise((resolve, reject) => {
        waiting = { resolve, reject };
      });
    },
    return() {
      close();
      return Promise.resolve({ value: undefined, done: true });
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
};
