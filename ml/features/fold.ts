import { mergeSlots } from "./accumulators.ts";
import type { WindowLayout } from "./layout.ts";
import { mergeSketch, newSketch, type Sketch } from "./sketch.ts";
import type { Tiles } from "./tiles.ts";

/** A window's partials: slots at `slots[at..]`, sketches that belong to nobody else. */
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

const mergeTile = (window: WindowLayout, into: Row, tiles: Tiles, tile: number): void => {
  mergeTileSlots(window, into.slots, 0, tiles, tile);
  for (let i = 0; i < window.sketches.length; i++) mergeOwned(into.sketches, i, tileSketch(window, tiles, tile, i));
};

/**
 * The canonical fold (`window.ts`) of an entity's tiles first..last with a boundary between, straight from the tiles.
 * The result is left in `out`; `spare` is overwritten.
 */
export const foldTiles = (
  window: WindowLayout,
  tiles: Tiles,
  entity: number,
  range: { first: number; boundary: number; last: number },
  out: Row,
  spare: Row,
): void => {
  const { index, prev, next } = tiles;
  clearRow(window, out);
  let newest = tiles.tail[entity];
  while (newest >= 0 && index[newest] > range.last) newest = prev[newest];
  let start = -1;
  let older = newest;
  while (older >= 0 && index[older] >= range.boundary) {
    start = older;
    older = prev[older];
  }
  if (start >= 0) {
    for (let row = start; row !== newest; row = next[row]) mergeTile(window, out, tiles, row);
    mergeTile(window, out, tiles, newest);
  }
  if (older < 0 || index[older] < range.first) return;
  clearRow(window, spare);
  for (let row = older; row >= 0 && index[row] >= range.first; row = prev[row]) mergeTile(window, spare, tiles, row);
  mergeRowSlots(window, out.slots, 0, spare.slots, 0);
  for (let i = 0; i < window.sketches.length; i++) mergeOwned(out.sketches, i, spare.sketches[i]);
};
