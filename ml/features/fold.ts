import { mergeSlots } from "./accumulators.ts";
import type { WindowLayout } from "./layout.ts";
import { mergeSketch, newSketch, type Sketch } from "./sketch.ts";
import type { Tiles } from "./tiles.ts";

/** A window's partials. Its sketches belong to nobody else. */
export type Row = { slots: Float64Array; sketches: (Sketch | null)[] };

export const newRow = (window: WindowLayout): Row => ({
  slots: Float64Array.from(window.identity),
  sketches: window.sketches.map(() => null),
});

export const clearRow = (window: WindowLayout, row: Row): void => {
  const { identity, width } = window;
  for (let i = 0; i < width; i++) row.slots[i] = identity[i];
  for (let i = 0; i < row.sketches.length; i++) row.sketches[i] = null;
};

/** Merges a tile's slots into a row of the window at `into[intoAt..]`. */
export const mergeTileSlots = (
  window: WindowLayout,
  into: Float64Array,
  intoAt: number,
  tiles: Tiles,
  tile: number,
): void => {
  const { kinds, tileSlots, rowSlots } = window;
  const from = tile * tiles.of.width;
  for (let i = 0; i < kinds.length; i++) {
    mergeSlots(kinds[i], into, intoAt + rowSlots[i], tiles.slots, from + tileSlots[i]);
  }
};

/** Merges a row's slots at `from[fromAt..]` into another of the same window. */
export const mergeRowSlots = (
  window: WindowLayout,
  into: Float64Array,
  intoAt: number,
  from: Float64Array,
  fromAt: number,
): void => {
  const { kinds, rowSlots } = window;
  for (let i = 0; i < kinds.length; i++) {
    mergeSlots(kinds[i], into, intoAt + rowSlots[i], from, fromAt + rowSlots[i]);
  }
};

/** Merges into a list of sketches that the caller owns. */
export const mergeOwned = (into: (Sketch | null)[], at: number, from: Sketch | null): void => {
  if (from === null) return;
  const own = into[at] ?? newSketch(from.kind);
  mergeSketch(own, from);
  into[at] = own;
};

/** The window's sketch `i` in a tile. */
export const tileSketch = (window: WindowLayout, tiles: Tiles, tile: number, i: number): Sketch | null =>
  tiles.sketches[tile * tiles.of.sketchCount + window.sketches[i]];
