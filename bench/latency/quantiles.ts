/** Milliseconds as they were measured, in any order. */
export type Samples = number[];

/** The smallest value that a share `q` of the samples does not exceed (nearest rank); NaN without samples. */
export const quantile = (samples: Samples, q: number): number => {
  const sorted = Float64Array.from(samples).sort();
  return sorted.length === 0 ? Number.NaN : sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)];
};

export const summary = (samples: Samples): string => {
  const ms = (q: number): string => quantile(samples, q).toFixed(1);
  return `p50 ${ms(0.5)} ms, p99 ${ms(0.99)} ms, longest ${ms(1)} ms of ${samples.length}`;
};
