/**
 * A request of the platform with this header runs in another lane of the embedded warehouse than its own: it answers
 * somebody else's query, or reads somebody else's file, and must not hold up the platform's own work. A ClickHouse server
 * does not know the header.
 */
export const laneHeader = "x-millrace-lane";
export const foreignLanes = ["guests", "loads"] as const;

/** The header of a request that runs in that lane. */
export const inLane = (lane: (typeof foreignLanes)[number]): { [laneHeader]: string } => ({ [laneHeader]: lane });

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
