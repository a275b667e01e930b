import { MillraceError } from "../../schemas/errors.ts";
import { type BlobWriter, blobReader } from "./bytes.ts";
import type { Heads } from "./heads.ts";
import type { Layout } from "./layout.ts";
import { readTiles, writeTiles } from "./tile-bytes.ts";
import { firstKept, type Tiles } from "./tiles.ts";

/**
 * An entity's whole state in bytes: format version, two bytes that name the layout, the time of its newest event,
 * then for each tile class below which tile some were forgotten and its tiles, then its head where the view allows
 * lateness. Equal states have equal bytes, and a restored state continues bit for bit.
 *
 * Format 1, of earlier releases, had neither: it is read as a state whose head cannot be cut.
 */
const VERSION = 2;
const WITHOUT_HEADS = 1;

export const writeBlob = (
  to: BlobWriter,
  fingerprint: number,
  newest: number,
  { classes, heads }: { classes: readonly Tiles[]; heads: Heads | null },
  entity: number,
): void => {
  to.reset();
  to.byte(VERSION);
  to.byte(fingerprint >>> 8);
  to.byte(fingerprint & 255);
  to.varint(newest);
  for (const tiles of classes) {
    to.varint(tiles.floor[entity]);
    writeTiles(to, tiles, entity);
  }
  heads?.write(to, entity, newest);
};

/** Adds a blob's state to an entity without any, and answers the time of its newest event. */
export const readBlob = (
  blob: Buffer,
  fingerprint: number,
  { classes, heads }: { classes: readonly Tiles[]; heads: Heads | null },
  entity: number,
): number => {
  const from = blobReader(blob);
  const version = from.byte();
  const known = version === VERSION || version === WITHOUT_HEADS;
  if (!known || ((from.byte() << 8) | from.byte()) !== fingerprint) {
    throw new MillraceError(
      "UNDECODABLE_RECORD",
      "A feature state blob was written by another view version or release; rebuild the state from its log.",
    );
  }
  const newest = from.varint();
  for (const tiles of classes) {
    tiles.floor[entity] = version === VERSION ? from.varint() : Math.max(0, firstKept(tiles.of, newest));
    readTiles(from, tiles, entity);
  }
  heads?.read(version === VERSION ? from : null, entity, newest);
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
