/** First Wasserstein distance (area between the two distribution functions) of two samples, in units of the values. */
export const wasserstein = (reference: Float64Array, current: Float64Array): number => {
  const r = reference.toSorted();
  const c = current.toSorted();
  let area = 0;
  let i = 0;
  let j = 0;
  let at = Math.min(r[0], c[0]);
  while (i < r.length || j < c.length) {
    const next = Math.min(
      i < r.length ? r[i] : Number.POSITIVE_INFINITY,
      j < c.length ? c[j] : Number.POSITIVE_INFINITY,
    );
    area += Math.abs(i / r.length - j / c.length) * (next - at);
    at = next;
    while (i < r.length && r[i] === at) i++;
    while (j < c.length && c[j] === at) j++;
  }
  return area;
};

/** Distances are given in reference deviations, of which this is the least (Evidently). */
export const LEAST_DEVIATION = 0.001;

/** Evidently's drift score: the distance in population standard deviations of the reference. */
export const normedWasserstein = (reference: Float64Array, current: Float64Array): number => {
  const mean = reference.reduce((sum, value) => sum + value, 0) / reference.length;
  const variance = reference.reduce((sum, value) => sum + (value - mean) ** 2, 0) / reference.length;
  return wasserstein(reference, current) / Math.max(Math.sqrt(variance), LEAST_DEVIATION);
};
