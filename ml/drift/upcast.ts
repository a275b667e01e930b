import { floatBelow } from "./cuts.ts";
import { type ColumnProfile, maxBins, profileVersion, type ReferenceProfile } from "./reference.ts";

/** A profile as the first release wrote it: without cuts at the ends, so that the outer bins hold a share of training. */
export type FirstProfile = { rows: number; columns: Omit<ColumnProfile, "means" | "earlier">[] };

/**
 * What the first release wrote, with open outer bins: nothing of training lay beyond its least and greatest value. For
 * their cuts, bins that hold the fewest rows together become one where there is no room.
 */
export const upcastProfile = ({ rows, columns }: FirstProfile): ReferenceProfile => ({
  version: profileVersion,
  rows,
  columns: columns.map(upcastColumn),
});

const upcastColumn = (column: FirstProfile["columns"][number]): ColumnProfile => {
  const { counts, min, max } = column;
  // Without values there is nothing to cut at.
  if (column.count === 0) return { ...column, means: [0], earlier: counts.map((_, bin) => bin) };
  const cuts = [...column.cuts];
  const below = floatBelow(min);
  const lowest = Number.isFinite(below) && below < (cuts[0] ?? min) ? [below] : [];
  const highest = max > (cuts.at(-1) ?? Number.NEGATIVE_INFINITY) ? [max] : [];
  const kept = counts.slice(0, -1);
  /** Where each bin of values is among those that are kept. */
  const places = kept.map((_, bin) => bin);
  while (lowest.length + cuts.length + highest.length >= maxBins) {
    const at = lightestPair(kept);
    kept.splice(at, 2, kept[at] + kept[at + 1]);
    cuts.splice(at, 1);
    for (let bin = 0; bin < places.length; bin++) if (places[bin] > at) places[bin] -= 1;
  }
  const open = [...lowest.map(() => 0), ...kept, ...highest.map(() => 0)];
  const upper = [...lowest, ...cuts, ...highest];
  return {
    ...column,
    cuts: upper,
    counts: [...open, counts[counts.length - 1]],
    means: meansOf(column, upper),
    earlier: [...places.map((bin) => bin + lowest.length), open.length],
  };
};

/**
 * Where the values of each bin lie: at its upper cut if all of the column lie so, which their mean tells, since none
 * lies above it; else they are taken to be spread evenly.
 */
const meansOf = (column: FirstProfile["columns"][number], upper: readonly number[]): number[] => {
  const { cuts, counts, count, mean, min, max } = column;
  const greatest = [...cuts, max].reduce((total, cut, bin) => total + cut * counts[bin], 0) / count;
  const areAtCuts = Math.abs(greatest - mean) <= 1e-9 * Math.max(Math.abs(min), Math.abs(max));
  return [...upper, max].map((cut, bin) => (areAtCuts || bin === 0 ? cut : (upper[bin - 1] + cut) / 2));
};

/** The first of the two neighbours that hold the fewest rows together. */
const lightestPair = (counts: readonly number[]): number => {
  let lightest = 0;
  for (let bin = 1; bin + 1 < counts.length; bin++) {
    if (counts[bin] + counts[bin + 1] < counts[lightest] + counts[lightest + 1]) lightest = bin;
  }
  return lightest;
};
