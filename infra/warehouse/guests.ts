/**
 * A request of the platform with this header runs in the lane of guests of the embedded warehouse: it answers somebody
 * else's query, and must not hold up the platform's own. A ClickHouse server does not know it.
 */
export const laneHeader = "x-millrace-lane";
export const guestLane = "guests";

/**
 * What one statement of a guest may take: seconds, bytes of memory, bytes of its result, threads. Results stream, so
 * theirs bounds the work and no memory.
 */
export const guestLimits = {
  max_execution_time: 300,
  max_memory_usage: 2 ** 30,
  max_result_bytes: 2 ** 36,
  max_threads: 2,
} as const;
