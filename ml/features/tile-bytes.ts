import { identityOf, Kind } from "./accumulators.ts";
import type { BlobReader, BlobWriter } from "./bytes.ts";
import { readSketch, writeSketch } from "./sketch.ts";
import { rowOf, type Tiles } from "./tiles.ts";

/** An entity's tiles, oldest first: how many, then each one's distance from the one before and its partials. */
export const writeTiles = (to: BlobWriter, tiles: Tiles, entity: number): void => {
  to.varint(tiles.count[entity]);
  let last = 0;
  for (let row = tiles.head[entity]; row >= 0; row = tiles.next[row]) {
    to.varint(tiles.index[row] - last);
    last = tiles.index[row];
    writeTile(to, tiles, row);
  }
};

const writeTile = (to: BlobWriter, tiles: Tiles, row: number): void => {
  const { accumulators, width, sketchCount } = tiles.of;
  const start = startOf(tiles, row);
  for (const { kind, slot, sketch } of accumulators) {
    if (sketch >= 0) {
      writeSketch(tiles.sketches[row * sketchCount + sketch], to);
      continue;
    }
    const at = row * width + slot;
    const length = identityOf(kind).length;
    // An empty partial is one number: its identity's first slot.
    to.number(kind === Kind.last ? tiles.slots[at] - start : tiles.slots[at]);
    if (tiles.slots[at] === identityOf(kind)[0] && hasMarker(kind)) continue;
    for (let i = 1; i < length; i++) to.number(tiles.slots[at + i]);
  }
};

/** Kinds whose first slot tells that nothing was folded. */
const hasMarker = (kind: Kind): boolean => kind === Kind.mean || kind === Kind.variance || kind === Kind.last;

/** Times of `last` are written from the tile's start, which makes them short. */
const startOf = (tiles: Tiles, row: number): number =>
  Number.isFinite(tiles.of.hop) ? tiles.index[row] * tiles.of.hop : 0;

/** Adds written tiles to an entity without any. */
export const readTiles = (from: BlobReader, tiles: Tiles, entity: number): void => {
  let index = 0;
  for (let left = from.varint(); left > 0; left--) {
    index += from.varint();
    readTile(from, tiles, rowOf(tiles, entity, index));
  }
};

const readTile = (from: BlobReader, tiles: Tiles, row: number): void => {
  const { accumulators, width, sketchCount } = tiles.of;
  const start = startOf(tiles, row);
  for (const { kind, slot, sketch } of accumulators) {
    if (sketch >= 0) {
      tiles.sketches[row * sketchCount + sketch] = readSketch(kind, from);
      continue;
    }
    const at = row * width + slot;
    const first = from.number();
    tiles.slots[at] = kind === Kind.last ? first + start : first;
    if (tiles.slots[at] === identityOf(kind)[0] && hasMarker(kind)) continue;
    for (let i = 1; i < identityOf(kind).length; i++) tiles.slots[at + i] = from.number();
  }
};
