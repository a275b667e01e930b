import { MillraceError } from "../../schemas/errors.ts";
import type { DriftStatistic } from "../../schemas/lifecycle/monitor.ts";
import { sharesOf } from "./bins.ts";
import { jensenShannon } from "./js.ts";
import { populationStability } from "./psi.ts";
import type { ColumnProfile, ReferenceProfile } from "./reference.ts";
import { LEAST_DEVIATION } from "./wasserstein.ts";

const totalOf = (counts: Float64Array): number => counts.reduce((sum, count) => sum + count, 0);

/** Differences of the two distribution functions at the end of each bin of values but the last. */
const gaps = (reference: Float64Array, current: Float64Array): Float64Array => {
  const referenceRows = totalOf(reference);
  const currentRows = totalOf(current);
  let difference = 0;
  return reference.subarray(0, -1).map((count, bin) => {
    difference += count / referenceRows - current[bin] / currentRows;
    return Math.abs(difference);
  });
};

/** Where a bin's values are taken to lie: its middle, the outer bins ending at the reference's least and greatest. */
const middles = ({ cuts, min, max }: ColumnProfile): number[] => {
  const edges = [Math.min(min, cuts[0] ?? min), ...cuts, Math.max(max, cuts.at(-1) ?? max)];
  return edges.slice(1).map((edge, bin) => (edges[bin] + edge) / 2);
};

/**
 * How far a window's counts of one column (`counts`: its bins of values, then the missing) are from the reference.
 * `psi` and `js` (base e) compare all bins, the missing included. `ks` and `wasserstein` compare the values that are
 * there: the largest gap of the distribution functions at the cut points, and the distance between the bins' middles
 * in reference deviations, which values beyond the reference's range cannot raise further. Where only one side has
 * values these two are 1, where neither has they are 0.
 */
export const compareSketch = (
  profile: ReferenceProfile,
  column: number,
  counts: Float64Array,
  statistic: DriftStatistic,
): number => {
  const reference = profile.columns[column];
  if (reference === undefined || counts.length !== reference.counts.length) {
    const expected = reference === undefined ? "no such column" : `${reference.counts.length} bins`;
    throw new MillraceError("INTERNAL", `A sketch of ${counts.length} bins meets a profile with ${expected}.`);
  }
  const referenceCounts = Float64Array.from(reference.counts);
  if (statistic === "psi" || statistic === "js") {
    const r = sharesOf(referenceCounts, totalOf(referenceCounts));
    const c = sharesOf(counts, totalOf(counts));
    return statistic === "psi" ? populationStability(r, c) : jensenShannon(r, c);
  }
  const referenceValues = referenceCounts.subarray(0, -1);
  const values = counts.subarray(0, -1);
  const sides = Number(totalOf(referenceValues) > 0) + Number(totalOf(values) > 0);
  if (sides < 2) return sides;
  const distances = gaps(referenceValues, values);
  if (statistic === "ks") return distances.reduce((largest, gap) => Math.max(largest, gap), 0);
  const at = middles(reference);
  const area = distances.reduce((sum, gap, bin) => sum + gap * (at[bin + 1] - at[bin]), 0);
  return area / Math.max(reference.std, LEAST_DEVIATION);
};
