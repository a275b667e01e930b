/**
 * A request of the platform with this header runs in the lane of guests of the embedded warehouse: it answers somebody
 * else's query, and must not hold up the platform's own. A ClickHouse server does not know it.
 */
export const laneHeader = "x-millrace-lane";
export const guestLane = "guests";
