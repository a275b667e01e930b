import { clearRow, mergeOwned, mergeRowSlots, mergeTileSlots, type Row, tileSketch } from "./fold.ts";
import type { WindowLayout } from "./layout.ts";
import { type Sketch, unionSketch } from "./sketch.ts";
import type { Tiles } from "./tiles.ts";

/**
 * Running folds of one entity's window around one boundary: for tiles before it the fold from the boundary down to
 * them, for tiles from it on the fold from the boundary up to them. Holds what `foldTiles` would compute, bit for bit,
 * so it can be dropped at any moment. Valid for tiles `low` to `high`.
 */
export type WindowCache = {
  boundary: number;
  low: number;
  high: number;
  /** Row of tile k at (k - boundary + reach) * width. */
  slots: Float64Array;
  sketches: (Sketch | null)[];
};

export const newWindowCache = (window: WindowLayout): WindowCache => {
  const rows = window.span.reach + window.span.block;
  return {
    boundary: Number.NaN,
    low: 0,
    high: 0,
    slots: new Float64Array(rows * window.width),
    sketches: new Array<Sketch | null>(rows * window.sketches.length).fill(null),
  };
};

export const cacheBytes = (cache: WindowCache): number => 8 * cache.slots.length + 8 * cache.sketches.length + 128;

/** A tile changed: what was folded over it no longer holds. */
export const invalidate = (cache: WindowCache, tile: number): void => {
  if (tile >= cache.boundary) cache.high = Math.min(cache.high, tile - 1);
  else cache.low = Math.max(cache.low, tile + 1);
};

/** As `foldTiles`, in amortised O(1) merges while `last` advances. */
export const foldCached = (
  window: WindowLayout,
  cache: WindowCache,
  tiles: Tiles,
  entity: number,
  range: { first: number; boundary: number; last: number },
  out: Row,
): void => {
  if (cache.boundary !== range.boundary) {
    cache.boundary = range.boundary;
    cache.low = range.boundary;
    cache.high = range.boundary - 1;
  }
  extendUp(window, cache, tiles, entity, range.last - 1);
  extendDown(window, cache, tiles, entity, range.first);
  clearRow(window, out);
  // The fold up to the tile before the last, then the last one itself, which still changes with every event.
  if (range.last > range.boundary) mergeCached(window, cache, range.last - 1, out);
  let row = tiles.tail[entity];
  while (row >= 0 && tiles.index[row] > range.last) row = tiles.prev[row];
  if (row >= 0 && tiles.index[row] === range.last) {
    mergeTileSlots(window, out.slots, 0, tiles, row);
    for (let i = 0; i < window.sketches.length; i++) mergeOwned(out.sketches, i, tileSketch(window, tiles, row, i));
  }
  if (range.first < range.boundary) mergeCached(window, cache, range.first, out);
};

const mergeCached = (window: WindowLayout, cache: WindowCache, tile: number, out: Row): void => {
  const place = tile - cache.boundary + window.span.reach;
  mergeRowSlots(window, out.slots, 0, cache.slots, place * window.width);
  const count = window.sketches.length;
  for (let i = 0; i < count; i++) mergeOwned(out.sketches, i, cache.sketches[place * count + i]);
};

const extendUp = (window: WindowLayout, cache: WindowCache, tiles: Tiles, entity: number, to: number): void => {
  if (cache.high >= to) return;
  let row = tiles.tail[entity];
  let after = -1;
  while (row >= 0 && tiles.index[row] > cache.high) {
    after = row;
    row = tiles.prev[row];
  }
  row = after;
  for (let tile = cache.high + 1; tile <= to; tile++) {
    const here = row >= 0 && tiles.index[row] === tile ? row : -1;
    extend(window, cache, tiles, tile, tile === cache.boundary ? null : tile - 1, here);
    if (here >= 0) row = tiles.next[row];
  }
  cache.high = to;
};

const extendDown = (window: WindowLayout, cache: WindowCache, tiles: Tiles, entity: number, to: number): void => {
  if (cache.low <= to) return;
  let row = tiles.tail[entity];
  while (row >= 0 && tiles.index[row] >= cache.low) row = tiles.prev[row];
  for (let tile = cache.low - 1; tile >= to; tile--) {
    const here = row >= 0 && tiles.index[row] === tile ? row : -1;
    extend(window, cache, tiles, tile, tile === cache.boundary - 1 ? null : tile + 1, here);
    if (here >= 0) row = tiles.prev[row];
  }
  cache.low = to;
};

/** Writes the fold at `tile`: that of its neighbour, and the tile's own row if it has one. */
const extend = (
  window: WindowLayout,
  cache: WindowCache,
  tiles: Tiles,
  tile: number,
  neighbour: number | null,
  row: number,
): void => {
  const { width, identity, sketches } = window;
  const base = window.span.reach - cache.boundary;
  const at = (tile + base) * width;
  const count = sketches.length;
  if (neighbour === null) {
    for (let i = 0; i < width; i++) cache.slots[at + i] = identity[i];
  } else {
    cache.slots.copyWithin(at, (neighbour + base) * width, (neighbour + base + 1) * width);
  }
  if (row >= 0) mergeTileSlots(window, cache.slots, at, tiles, row);
  for (let i = 0; i < count; i++) {
    const before = neighbour === null ? null : cache.sketches[(neighbour + base) * count + i];
    const own = row >= 0 ? tileSketch(window, tiles, row, i) : null;
    // A tile's own sketch still grows when late events land in it, so it is never shared.
    cache.sketches[(tile + base) * count + i] = own === null ? before : unionSketch(before, own);
  }
};
