import { type Floats, grownFloats, grownInts, type Ints } from "./grown.ts";
import type { TileClass } from "./layout.ts";
import type { Sketch } from "./sketch.ts";
import { tileOf } from "./window.ts";

/**
 * Tiles of one class for all entities of a view, in typed arrays: a tile is a row, the rows of an entity are a list
 * linked from the oldest (`head`) to the newest (`tail`). -1 ends a list. Freed rows are linked through `next`.
 */
export type Tiles = {
  of: TileClass;
  /** By row: tile index, neighbours, slots (`width` doubles each), sketches (`sketchCount` each). */
  index: Ints;
  prev: Ints;
  next: Ints;
  slots: Floats;
  sketches: (Sketch | null)[];
  rows: number;
  free: number;
  /** By entity. */
  head: Ints;
  tail: Ints;
  count: Ints;
  /** Tiles below it may have been forgotten; 0 where none was. */
  floor: Ints;
};

/**
 * So many tiles an entity keeps of a class whatever their age: a quiet entity's window then is whole even for a moment
 * that is further back than the lateness, and a busy one's costs nothing more.
 */
const SPARED = 4;

const NONE = -1;

export const newTiles = (of: TileClass): Tiles => ({
  of,
  index: new Int32Array(0),
  prev: new Int32Array(0),
  next: new Int32Array(0),
  slots: new Float64Array(0),
  sketches: [],
  rows: 0,
  free: NONE,
  head: new Int32Array(0),
  tail: new Int32Array(0),
  count: new Int32Array(0),
  floor: new Int32Array(0),
});

/** Makes room for entities up to `capacity`, without tiles. */
export const growEntities = (tiles: Tiles, capacity: number): void => {
  tiles.head = grownInts(tiles.head, capacity, NONE);
  tiles.tail = grownInts(tiles.tail, capacity, NONE);
  tiles.count = grownInts(tiles.count, capacity, 0);
  tiles.floor = grownInts(tiles.floor, capacity, 0);
};

/** The entity's row of a tile, added in its place (with identity slots) where it has none. */
export const rowOf = (tiles: Tiles, entity: number, tile: number): number => {
  const newest = tiles.tail[entity];
  if (newest !== NONE && tiles.index[newest] === tile) return newest;
  let before = newest;
  while (before !== NONE && tiles.index[before] > tile) before = tiles.prev[before];
  if (before !== NONE && tiles.index[before] === tile) return before;
  return insertAfter(tiles, entity, before, tile);
};

const insertAfter = (tiles: Tiles, entity: number, before: number, tile: number): number => {
  const row = allocate(tiles);
  const after = before === NONE ? tiles.head[entity] : tiles.next[before];
  tiles.index[row] = tile;
  tiles.prev[row] = before;
  tiles.next[row] = after;
  if (before === NONE) tiles.head[entity] = row;
  else tiles.next[before] = row;
  if (after === NONE) tiles.tail[entity] = row;
  else tiles.prev[after] = row;
  tiles.count[entity]++;
  return row;
};

const allocate = (tiles: Tiles): number => {
  const { width, identity, sketchCount } = tiles.of;
  let row = tiles.free;
  if (row !== NONE) {
    tiles.free = tiles.next[row];
  } else {
    if (tiles.rows === tiles.index.length) growRows(tiles);
    row = tiles.rows++;
  }
  const at = row * width;
  for (let i = 0; i < width; i++) tiles.slots[at + i] = identity[i];
  for (let i = 0; i < sketchCount; i++) tiles.sketches[row * sketchCount + i] = null;
  return row;
};

const growRows = (tiles: Tiles): void => {
  const capacity = Math.max(64, tiles.rows + (tiles.rows >> 1));
  tiles.index = grownInts(tiles.index, capacity, 0);
  tiles.prev = grownInts(tiles.prev, capacity, NONE);
  tiles.next = grownInts(tiles.next, capacity, NONE);
  tiles.slots = grownFloats(tiles.slots, capacity * tiles.of.width);
};

/** Forgets tiles below `first` that no window needs. Answers whether there were any. */
export const evictOld = (tiles: Tiles, entity: number, first: number): boolean => {
  const before = tiles.count[entity];
  if (before <= SPARED) return false;
  evictBelow(tiles, entity, first, SPARED);
  return tiles.count[entity] < before;
};

/** Forgets the entity's tiles with an index below `first`, but for its newest few. */
export const evictBelow = (tiles: Tiles, entity: number, first: number, spared = 0): void => {
  let row = tiles.head[entity];
  while (row !== NONE && tiles.index[row] < first && tiles.count[entity] > spared) {
    const after = tiles.next[row];
    tiles.floor[entity] = tiles.index[row] + 1;
    release(tiles, row);
    tiles.count[entity]--;
    row = after;
  }
  tiles.head[entity] = row;
  if (row === NONE) tiles.tail[entity] = NONE;
  else tiles.prev[row] = NONE;
};

/** First tile that an entity keeps whose newest event is at `newest`. */
export const firstKept = (of: TileClass, newest: number): number => tileOf(newest - of.keepMs, of.hop);

export const clearEntity = (tiles: Tiles, entity: number): void => {
  evictBelow(tiles, entity, 0x7fffffff);
  tiles.floor[entity] = 0;
};

const release = (tiles: Tiles, row: number): void => {
  const { sketchCount } = tiles.of;
  for (let i = 0; i < sketchCount; i++) tiles.sketches[row * sketchCount + i] = null;
  tiles.next[row] = tiles.free;
  tiles.free = row;
};
