import { exception } from "./exception.ts";

/** Runs jobs, a bounded number at once, first come first served; more than `waiting` in the queue are refused. */
export type Lane = <T>(job: () => Promise<T>) => Promise<T>;

/** Refused jobs fail with 503 and TOO_MANY_SIMULTANEOUS_QUERIES (202): the caller may come again. */
export const lane = (atOnce: number, waiting: number): Lane => {
  const queue: (() => void)[] = [];
  let running = 0;
  return async (job) => {
    if (running >= atOnce) {
      if (queue.length >= waiting) {
        throw exception(503, 202, "TOO_MANY_SIMULTANEOUS_QUERIES", `Too many queries are waiting (${waiting})`);
      }
      await new Promise<void>((resolve) => queue.push(resolve));
    } else {
      running++;
    }
    try {
      return await job();
    } finally {
      const next = queue.shift();
      if (next === undefined) running--;
      else next();
    }
  };
};
