import { countInBins, doaneEdges, sharesOf } from "./bins.ts";
import { relativeEntropy } from "./kl.ts";

/**
 * Jensen-Shannon distance of two sets of shares that each sum to 1: sqrt((KL(r || m) + KL(c || m)) / 2) with m their
 * mean (scipy's `jensenshannon`). `base` is e for Evidently, 2 for NannyML.
 */
export const jensenShannon = (reference: Float64Array, current: Float64Array, base = Math.E): number => {
  const middle = reference.map((share, bin) => (share + current[bin]) / 2);
  const divergence = (relativeEntropy(reference, middle) + relativeEntropy(current, middle)) / 2;
  return Math.sqrt(Math.max(0, divergence) / Math.log(base));
};

/** NannyML's distance of two samples: base 2, `doane` bins of the reference, what lies outside in a bin of its own. */
export const nannyJensenShannon = (reference: Float64Array, current: Float64Array): number => {
  const edges = doaneEdges(reference);
  const r = sharesOf(countInBins(reference, edges), reference.length);
  const c = sharesOf(countInBins(current, edges), current.length);
  const inside = c.reduce((sum, share) => sum + share, 0);
  return jensenShannon(Float64Array.from([...r, 0]), Float64Array.from([...c, Math.max(0, 1 - inside)]), 2);
};
