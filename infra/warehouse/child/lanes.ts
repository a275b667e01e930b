import { exception, HttpException } from "./exception.ts";

/** Runs jobs, a bounded number at once, first come first served; more than `waiting` in the queue are refused. */
export type Lane = <T>(job: () => Promise<T>, signal: AbortSignal) => Promise<T>;

/**
 * Refused jobs fail with 503 and TOO_MANY_SIMULTANEOUS_QUERIES (202): the caller may come again. A job whose signal
 * aborts while it waits never starts.
 */
export const lane = (atOnce: number, waiting: number): Lane => {
  const queue = new Set<() => void>();
  let running = 0;

  const turn = (signal: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      const start = (): void => {
        signal.removeEventListener("abort", leave);
        resolve();
      };
      const leave = (): void => {
        queue.delete(start);
        reject(whyAborted(signal));
      };
      signal.addEventListener("abort", leave, { once: true });
      queue.add(start);
    });

  return async (job, signal) => {
    if (signal.aborted) throw whyAborted(signal);
    if (running >= atOnce) {
      if (queue.size >= waiting) {
        throw exception(503, 202, "TOO_MANY_SIMULTANEOUS_QUERIES", `Too many queries are waiting (${waiting})`);
      }
      // Whoever ends hands its place over.
      await turn(signal);
    } else {
      running++;
    }
    try {
      return await job();
    } finally {
      const [next] = queue;
      if (next === undefined) running--;
      else {
        queue.delete(next);
        next();
      }
    }
  };
};

/** Who cancelled it says why; a client that has left does not, and nobody reads this. */
export const whyAborted = ({ reason }: AbortSignal): HttpException =>
  reason instanceof HttpException ? reason : exception(499, 394, "QUERY_WAS_CANCELLED", "The client has left");
