import { MillraceError } from "../../schemas/errors.ts";
import type { DriftStatistic } from "../../schemas/lifecycle/monitor.ts";
import { sharesOf } from "./bins.ts";
import { isAlone } from "./cuts.ts";
import { jensenShannon } from "./js.ts";
import { populationStability } from "./psi.ts";
import type { ColumnProfile, ReferenceProfile } from "./reference.ts";
import { LEAST_DEVIATION } from "./wasserstein.ts";

/** One column of a window: rows by bin, its bins of values and then the missing, and the sums of what is in them. */
export type ColumnSketch = { counts: Float64Array; sums: Float64Array };

const totalOf = (counts: Float64Array): number => counts.reduce((sum, count) => sum + count, 0);

/** Of the two distribution functions, at the cuts. */
const largestGap = (reference: Float64Array, current: Float64Array): number => {
  const referenceRows = totalOf(reference);
  const currentRows = totalOf(current);
  let difference = 0;
  let largest = 0;
  for (const [bin, count] of reference.subarray(0, -1).entries()) {
    difference += count / referenceRows - current[bin] / currentRows;
    largest = Math.max(largest, Math.abs(difference));
  }
  return largest;
};

/** Where the values of a bin lie, which the cuts bound: at their mean. */
const placeOf = ({ cuts, min, max }: ColumnProfile, bin: number, mean: number): number => {
  if (isAlone(cuts, bin)) return cuts[bin];
  const least = bin === 0 ? Number.NEGATIVE_INFINITY : bin < cuts.length ? cuts[bin - 1] : max;
  const most = bin === 0 ? min : bin < cuts.length ? cuts[bin] : Number.POSITIVE_INFINITY;
  return Math.min(most, Math.max(least, mean));
};

/** The area between the distribution functions, each of which takes one step a bin, at the mean of its values there. */
const areaBetween = (profile: ColumnProfile, reference: Float64Array, { counts, sums }: ColumnSketch): number => {
  const rows = totalOf(reference);
  const currentRows = totalOf(counts.subarray(0, -1));
  const steps: { at: number; by: number }[] = [];
  for (const [bin, count] of reference.entries()) {
    if (count > 0) steps.push({ at: placeOf(profile, bin, profile.means[bin]), by: count / rows });
    const current = counts[bin];
    if (current > 0) steps.push({ at: placeOf(profile, bin, sums[bin] / current), by: -current / currentRows });
  }
  steps.sort((a, b) => a.at - b.at);
  let area = 0;
  let difference = 0;
  for (let i = 0; i + 1 < steps.length; i++) {
    difference += steps[i].by;
    area += Math.abs(difference) * (steps[i + 1].at - steps[i].at);
  }
  return area;
};

/** Shares of the bins in which either side has rows: an empty one says nothing, but zeros are filled unlike on each. */
const sharesTogether = (reference: Float64Array, current: Float64Array): [Float64Array, Float64Array] => {
  const isUsed = (_: number, bin: number): boolean => reference[bin] > 0 || current[bin] > 0;
  return [sharesOf(reference.filter(isUsed), totalOf(reference)), sharesOf(current.filter(isUsed), totalOf(current))];
};

/**
 * How far a window's sketch of one column is from the reference. `psi` and `js` (base e) compare all bins, the missing
 * included. `ks` and `wasserstein` compare the values that are there: the largest gap of the distribution functions at
 * the cut points, and the area between them in reference deviations, however far values lie beyond training's. Where only one side has values these two are 1, where neither has they are 0.
 */
export const compareSketch = (
  profile: ReferenceProfile,
  column: number,
  sketch: ColumnSketch,
  statistic: DriftStatistic,
): number => {
  const reference = profile.columns[column];
  const { counts } = sketch;
  if (reference === undefined || counts.length !== reference.counts.length) {
    const expected = reference === undefined ? "no such column" : `${reference.counts.length} bins`;
    throw new MillraceError("INTERNAL", `A sketch of ${counts.length} bins meets a profile with ${expected}.`);
  }
  const referenceCounts = Float64Array.from(reference.counts);
  if (statistic === "psi" || statistic === "js") {
    const [r, c] = sharesTogether(referenceCounts, counts);
    return statistic === "psi" ? populationStability(r, c) : jensenShannon(r, c);
  }
  const referenceValues = referenceCounts.subarray(0, -1);
  const values = counts.subarray(0, -1);
  const sides = Number(totalOf(referenceValues) > 0) + Number(totalOf(values) > 0);
  if (sides < 2) return sides;
  if (statistic === "ks") return largestGap(referenceValues, values);
  return areaBetween(reference, referenceValues, sketch) / Math.max(reference.std, LEAST_DEVIATION);
};
