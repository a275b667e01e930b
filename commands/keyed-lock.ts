/** Runs tasks of one key one after the other, in order of arrival; tasks of different keys do not wait. */
export const keyedLock = (): (<T>(key: string, task: () => Promise<T>) => Promise<T>) => {
  const tails = new Map<string, Promise<void>>();
  return async (key, task) => {
    const before = tails.get(key);
    const { promise: done, resolve: release } = Promise.withResolvers<void>();
    tails.set(key, done);
    await before;
    try {
      return await task();
    } finally {
      release();
      if (tails.get(key) === done) tails.delete(key);
    }
  };
};
