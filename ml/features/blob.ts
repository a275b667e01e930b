import { MillraceError } from "../../schemas/errors.ts";
import { identityOf, Kind } from "./accumulators.ts";
import { type BlobWriter, blobReader } from "./bytes.ts";
import type { Layout } from "./layout.ts";
import { readSketch, writeSketch } from "./sketch.ts";
import { rowOf, type Tiles } from "./tiles.ts";

/**
 * An entity's whole state in bytes: format version, two bytes that name the layout, the time of its newest event,
 * then for each tile class the number of tiles and, oldest first, each tile's distance from the one before and its
 * partials. Equal states have equal bytes, and a restored state continues bit for bit.
 */
const VERSION = 1;

export const writeBlob = (
  to: BlobWriter,
  fingerprint: number,
  newest: number,
  classes: readonly Tiles[],
  entity: number,
): void => {
  to.reset();
  to.byte(VERSION);
  to.byte(fingerprint >>> 8);
  to.byte(fingerprint & 255);
  to.varint(newest);
  for (const tiles of classes) {
    to.varint(tiles.count[entity]);
    let last = 0;
    for (let row = tiles.head[entity]; row >= 0; row = tiles.next[row]) {
      to.varint(tiles.index[row] - last);
      last = tiles.index[row];
      writeTile(to, tiles, row);
    }
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

/** Adds a blob's tiles to an entity without tiles, and answers the time of its newest event. */
export const readBlob = (blob: Buffer, fingerprint: number, classes: readonly Tiles[], entity: number): number => {
  const from = blobReader(blob);
  if (from.byte() !== VERSION || ((from.byte() << 8) | from.byte()) !== fingerprint) {
    throw new MillraceError(
      "UNDECODABLE_RECORD",
      "A feature state blob was written by another view version or release; rebuild the state from its log.",
    );
  }
  const newest = from.varint();
  for (const tiles of classes) {
    let index = 0;
    for (let left = from.varint(); left > 0; left--) {
      index += from.varint();
      const row = rowOf(tiles, entity, index);
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
    }
  }
  return newest;
};

/** 16 bits that differ when the meaning of the bytes does: which partials lie where. */
export const fingerprintOf = (layout: Layout): number => {
  const text = JSON.stringify(
    layout.classes.map((tileClass) => [
      tileClass.hop,
      tileClass.accumulators.map(({ kind, source, value, where }) => [
        kind,
        source,
        layout.expressions.get(source)?.values[value]?.source,
        layout.expressions.get(source)?.wheres[where]?.source,
      ]),
    ]),
  );
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash ^ (hash >>> 16)) & 0xffff;
};
