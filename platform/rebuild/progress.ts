/** How far a rebuild is: records of the log taken, how much of the log that is, from 0 to 1, and records a second. */
export type RebuildProgress = { records: number; share: number; rate: number };

export type RebuildResult = { name: string; records: number; ms: number };

const everyMs = 200;

/** Counts what is taken of a log and tells it a few times a second. */
export const progressMeter = (onProgress: (progress: RebuildProgress) => void) => {
  const startedAt = performance.now();
  let records = 0;
  let toldAt = Number.NEGATIVE_INFINITY;
  return {
    /** `left` is what remains, in the unit of `records`. */
    took(count: number, left: number): void {
      records += count;
      const now = performance.now();
      if (now - toldAt < everyMs && left > 0) return;
      toldAt = now;
      const rate = now > startedAt ? (records * 1000) / (now - startedAt) : 0;
      onProgress({ records, share: records + left === 0 ? 1 : records / (records + left), rate });
    },
    result: (name: string): RebuildResult => ({ name, records, ms: performance.now() - startedAt }),
  };
};
