import { featureValue } from "./accumulators.ts";
import { foldTiles, newRow, type Row } from "./fold.ts";
import type { WindowLayout } from "./layout.ts";
import { sketchValue } from "./sketch.ts";
import { firstKept, type Tiles } from "./tiles.ts";
import { boundaryOf, firstTile, tileOf } from "./window.ts";
import { cacheBytes, foldCached, invalidate, newWindowCache, type WindowCache } from "./window-cache.ts";

/** Reads features from tiles; entities with many tiles get a cache a window. */
export type WindowReader = {
  read(entity: number, newest: number, time: number, out: Float64Array, at: number): void;
  /** Features of an entity without events. */
  readEmpty(out: Float64Array, at: number): void;
  /** To be told of every change of tiles, so that caches stay right. */
  changed(classIndex: number, entity: number, tile: number): void;
  evicted(classIndex: number, entity: number, first: number): void;
  replaced(entity: number): void;
};

/** Below so many tiles a plain fold is as fast as a cache. */
const CACHE_FROM_TILES = 12;
/** Caches beyond this are all dropped and built anew as needed. */
const CACHE_LIMIT_BYTES = 64 * 1024 * 1024;

export const windowReader = (classes: readonly Tiles[]): WindowReader => {
  const rows: Row[][] = classes.map(({ of }) => of.windows.map(newRow));
  const spares: Row[][] = classes.map(({ of }) => of.windows.map(newRow));
  let caches: Map<number, WindowCache[]>[] = classes.map(() => new Map());
  let bytes = 0;
  const range = { first: 0, boundary: 0, last: 0 };

  const cachesOf = (classIndex: number, entity: number): WindowCache[] => {
    const known = caches[classIndex].get(entity);
    if (known !== undefined) return known;
    if (bytes > CACHE_LIMIT_BYTES) {
      caches = classes.map(() => new Map());
      bytes = 0;
    }
    const fresh = classes[classIndex].of.windows.map(newWindowCache);
    for (const cache of fresh) bytes += cacheBytes(cache);
    caches[classIndex].set(entity, fresh);
    return fresh;
  };

  const read = (entity: number, newest: number, time: number, out: Float64Array, at: number): void => {
    for (let c = 0; c < classes.length; c++) {
      const tiles = classes[c];
      const { windows } = tiles.of;
      const kept = firstKept(tiles.of, newest);
      const cached = tiles.count[entity] >= CACHE_FROM_TILES ? cachesOf(c, entity) : null;
      for (let w = 0; w < windows.length; w++) {
        const window = windows[w];
        range.last = tileOf(time, window.span.hop);
        range.boundary = boundaryOf(window.span, range.last);
        range.first = Math.max(kept, firstTile(window.span, time));
        const row = rows[c][w];
        if (cached === null) foldTiles(window, tiles, entity, range, row, spares[c][w]);
        else foldCached(window, cached[w], tiles, entity, range, row);
        writeOutputs(window, row, out, at);
      }
    }
  };

  return {
    read,
    readEmpty: (out, at) => {
      for (const { of } of classes) {
        for (const window of of.windows) writeOutputs(window, newRow(window), out, at);
      }
    },
    changed: (classIndex, entity, tile) => {
      const known = caches[classIndex].get(entity);
      if (known === undefined) return;
      for (let w = 0; w < known.length; w++) invalidate(known[w], tile);
    },
    evicted: (classIndex, entity, first) => {
      const known = caches[classIndex].get(entity);
      if (known === undefined) return;
      // Folds before the boundary are never read below the first kept tile; those from it on contain what is gone.
      for (const cache of known) if (first > cache.boundary) cache.boundary = Number.NaN;
    },
    replaced: (entity) => {
      for (const ofClass of caches) ofClass.delete(entity);
    },
  };
};

const writeOutputs = (window: WindowLayout, row: Row, out: Float64Array, at: number): void => {
  const windowMs = window.span.windowMs ?? Number.POSITIVE_INFINITY;
  for (const output of window.outputs) {
    out[at + output.feature] =
      output.function === "distinct" || output.function === "quantile"
        ? sketchValue(output.kind, row.sketches[output.at], output.quantile)
        : featureValue(output.function, row.slots, output.at, windowMs);
  }
};
