/** Of each kind of statement. Times are milliseconds, memory is bytes. */
export type LaneLimits = {
  atOnce: number;
  waiting: number;
  /** The engine is asked to end a statement then, and this process ends if it does not within `graceMs`. */
  deadlineMs: number;
  graceMs: number;
};

export type LaneName = "reads" | "writes" | "guests" | "loads";

/**
 * The platform's reads and writes have lanes of their own, so that a read never stands behind a queue of inserts, and
 * neither behind a guest. Guests are whoever uses the password of people, and the queries of people that the platform
 * runs for them. Loads read the files of people: the engine's readers may turn for ever on damaged bytes, so that they
 * are over before a client of the platform stops waiting.
 */
export const laneLimits: Readonly<Record<LaneName, LaneLimits>> = {
  reads: { atOnce: 6, waiting: 512, deadlineMs: 600_000, graceMs: 60_000 },
  writes: { atOnce: 2, waiting: 512, deadlineMs: 3_600_000, graceMs: 60_000 },
  loads: { atOnce: 2, waiting: 32, deadlineMs: 100_000, graceMs: 15_000 },
  guests: { atOnce: 2, waiting: 32, deadlineMs: 300_000, graceMs: 30_000 },
};
