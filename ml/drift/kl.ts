import { fillZeros } from "./psi.ts";

/** Sum of p ln(p / q); a bin with p = 0 adds nothing, q = 0 under p > 0 gives Infinity. */
export const relativeEntropy = (p: Float64Array, q: Float64Array): number => {
  let sum = 0;
  for (let bin = 0; bin < p.length; bin++) if (p[bin] > 0) sum += p[bin] * Math.log(p[bin] / q[bin]);
  return sum;
};

const normalise = (shares: Float64Array): Float64Array => {
  const total = shares.reduce((sum, share) => sum + share, 0);
  return shares.map((share) => share / total);
};

/**
 * Kullback-Leibler divergence of the reference from the current shares, base e, as Evidently has it: zeros filled,
 * then scipy's `entropy(reference, current)`, which makes each side sum to 1.
 */
export const kullbackLeibler = (reference: Float64Array, current: Float64Array): number =>
  relativeEntropy(normalise(fillZeros(reference)), normalise(fillZeros(current)));
