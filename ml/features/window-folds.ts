import { clearRow, mergeOwned, mergeRowSlots, mergeTileSlots, type Row, tileSketch } from "./fold.ts";
import { type Floats, grownFloats, grownInts, type Ints } from "./grown.ts";
import type { WindowLayout } from "./layout.ts";
import { type Sketch, unionSketch } from "./sketch.ts";
import type { Tiles } from "./tiles.ts";
import { boundaryOf, firstTile, tileOf } from "./window.ts";

/**
 * The running folds of one window (`window.ts`) for all entities. Beside each tile stands a fold: of the tiles from the
 * boundary up to it, or, for a tile before the boundary, from the boundary down to it. A read is then three merges,
 * and each tile is folded once upwards and once downwards, whatever the number of reads: amortised O(1).
 *
 * All of this is derived from the tiles and can be dropped at any moment without changing a bit of what is read.
 */
export type WindowFolds = {
  window: WindowLayout;
  /** By row of the tiles. */
  slots: Floats;
  sketches: (Sketch | null)[];
  /** By entity: the boundary that the folds are for, or NO_FOLDS. */
  boundary: Ints;
  /** First tile that the folds before the boundary reach; they are there for every tile from it on. */
  first: Ints;
  /** Row of the oldest tile of the window that is before the boundary, -1 for none. */
  start: Ints;
  /** Row of the newest tile whose fold from the boundary up is valid, -1 for none. */
  up: Ints;
};

const NO_FOLDS = -0x80000000;
const NONE = -1;

export const newWindowFolds = (window: WindowLayout): WindowFolds => ({
  window,
  slots: new Float64Array(0),
  sketches: [],
  boundary: new Int32Array(0),
  first: new Int32Array(0),
  start: new Int32Array(0),
  up: new Int32Array(0),
});

/** A tile that stands for the one that holds the moment, cut at it; `row` is -1 where nothing is in it. */
export type CutTile = { tiles: Tiles; row: number };

/** Folds the entity's tiles of the window that ends at `time`, with `cut` for its last one, into `out`. */
export const foldWindow = (
  folds: WindowFolds,
  tiles: Tiles,
  entity: number,
  time: number,
  cut: CutTile | null,
  out: Row,
): void => {
  const { window } = folds;
  const { index, prev } = tiles;
  makeRoom(folds, tiles, entity);
  const last = tileOf(time, window.span.hop);
  const boundary = boundaryOf(window.span, last);
  const first = Math.max(tiles.floor[entity], firstTile(window.span, time));

  let newest = tiles.tail[entity];
  while (newest >= 0 && index[newest] > last) newest = prev[newest];
  const head = newest >= 0 && index[newest] === last ? newest : NONE;
  const closed = head >= 0 ? prev[head] : newest;

  // Reading further back than before is rare: then the folds before the boundary are built again.
  if (folds.boundary[entity] !== boundary || first < folds.first[entity]) {
    folds.boundary[entity] = boundary;
    folds.up[entity] = NONE;
    foldDown(folds, tiles, entity, closed, first);
  } else if (first > folds.first[entity]) {
    moveStart(folds, tiles, entity, first);
  }
  const whole = closed >= 0 && index[closed] >= boundary;
  if (whole) foldUp(folds, tiles, entity, closed);

  clearRow(window, out);
  if (whole) mergeFold(folds, closed, out);
  if (cut !== null) mergeTile(window, cut.tiles, cut.row, out);
  else mergeTile(window, tiles, head, out);
  if (folds.start[entity] >= 0) mergeFold(folds, folds.start[entity], out);
};

/** A tile changed: folds over it no longer hold. */
export const tileChanged = (folds: WindowFolds, tiles: Tiles, entity: number, row: number): void => {
  if (entity >= folds.boundary.length || folds.boundary[entity] === NO_FOLDS) return;
  const tile = tiles.index[row];
  const boundary = folds.boundary[entity];
  if (tile < boundary) {
    if (tile >= folds.first[entity]) folds.boundary[entity] = NO_FOLDS;
    return;
  }
  const up = folds.up[entity];
  if (up < 0 || tiles.index[up] < tile) return;
  const before = tiles.prev[row];
  folds.up[entity] = before >= 0 && tiles.index[before] >= boundary ? before : NONE;
};

/** The entity's tiles below `first` are gone. */
export const tilesEvicted = (folds: WindowFolds, tiles: Tiles, entity: number, first: number): void => {
  if (entity >= folds.boundary.length || folds.first[entity] >= first) return;
  const boundary = folds.boundary[entity];
  if (first > boundary) {
    folds.boundary[entity] = NO_FOLDS;
    return;
  }
  const oldest = tiles.head[entity];
  folds.first[entity] = first;
  folds.start[entity] = oldest >= 0 && tiles.index[oldest] < boundary ? oldest : NONE;
};

const makeRoom = (folds: WindowFolds, tiles: Tiles, entity: number): void => {
  const length = tiles.index.length * folds.window.width;
  if (folds.slots.length < length) folds.slots = grownFloats(folds.slots, length);
  if (entity < folds.boundary.length) return;
  const capacity = tiles.head.length;
  folds.boundary = grownInts(folds.boundary, capacity, NO_FOLDS);
  folds.first = grownInts(folds.first, capacity, NO_FOLDS);
  folds.start = grownInts(folds.start, capacity, NO_FOLDS);
  folds.up = grownInts(folds.up, capacity, NO_FOLDS);
};

const moveStart = (folds: WindowFolds, tiles: Tiles, entity: number, first: number): void => {
  folds.first[entity] = first;
  let row = folds.start[entity];
  while (row >= 0 && tiles.index[row] < first) row = tiles.next[row];
  folds.start[entity] = row >= 0 && tiles.index[row] < folds.boundary[entity] ? row : NONE;
};

const foldDown = (folds: WindowFolds, tiles: Tiles, entity: number, closed: number, first: number): void => {
  const boundary = folds.boundary[entity];
  let row = closed;
  while (row >= 0 && tiles.index[row] >= boundary) row = tiles.prev[row];
  let start = NONE;
  for (; row >= 0 && tiles.index[row] >= first; row = tiles.prev[row]) {
    writeFold(folds, tiles, row, start);
    start = row;
  }
  folds.start[entity] = start;
  folds.first[entity] = first;
};

const foldUp = (folds: WindowFolds, tiles: Tiles, entity: number, closed: number): void => {
  const { index, prev, next } = tiles;
  const up = folds.up[entity];
  if (up >= 0 && index[up] >= index[closed]) return;
  const boundary = folds.boundary[entity];
  let row = closed;
  while (prev[row] !== up && prev[row] >= 0 && index[prev[row]] >= boundary) row = prev[row];
  for (let before = up; before !== closed; row = next[row]) {
    writeFold(folds, tiles, row, before);
    before = row;
  }
  folds.up[entity] = closed;
};

/** The fold beside a tile: that of its neighbour towards the boundary, if any, and the tile itself. */
const writeFold = (folds: WindowFolds, tiles: Tiles, row: number, neighbour: number): void => {
  const { window, slots } = folds;
  const { width, identity } = window;
  const at = row * width;
  const from = neighbour * width;
  if (neighbour < 0) for (let i = 0; i < width; i++) slots[at + i] = identity[i];
  else for (let i = 0; i < width; i++) slots[at + i] = slots[from + i];
  mergeTileSlots(window, slots, at, tiles, row);
  const count = window.sketches.length;
  for (let i = 0; i < count; i++) {
    const before = neighbour < 0 ? null : folds.sketches[neighbour * count + i];
    const own = tileSketch(window, tiles, row, i);
    // A tile's own sketch still grows when late events land in it, so it is never shared.
    folds.sketches[row * count + i] = own === null ? before : unionSketch(before, own);
  }
};

const mergeTile = (window: WindowLayout, tiles: Tiles, row: number, out: Row): void => {
  if (row < 0) return;
  mergeTileSlots(window, out.slots, 0, tiles, row);
  for (let i = 0; i < window.sketches.length; i++) mergeOwned(out.sketches, i, tileSketch(window, tiles, row, i));
};

const mergeFold = (folds: WindowFolds, row: number, out: Row): void => {
  const { window } = folds;
  mergeRowSlots(window, out.slots, 0, folds.slots, row * window.width);
  const count = window.sketches.length;
  for (let i = 0; i < count; i++) mergeOwned(out.sketches, i, folds.sketches[row * count + i] ?? null);
};
