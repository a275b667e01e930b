/**
 * Sawtooth windows: exact at the head, hops at the tail (Chronon's, https://chronon.ai). Time is cut into tiles of one
 * hop; a window ending at `time` covers the tiles from the one that holds `time - windowMs` to the one that holds
 * `time`, so its length swings between windowMs and windowMs + hop.
 *
 * The canonical order of a fold, which makes floating point results a pure function of the tiles: blocks of `block`
 * tiles are anchored at multiples of `block`. With `boundary` the start of the block of the last tile, a window is
 *
 *   (tile[boundary] + tile[boundary + 1] + ... + tile[last], left to right)
 *   + (tile[boundary - 1] + tile[boundary - 2] + ... + tile[first], right to left)
 *
 * This is van Herk's and Gil and Werman's algorithm (1992, 1993), the two-stack queue with its flips anchored in
 * time: amortised O(1) merges a read, and nothing about when it flipped has to be remembered to continue bit for bit.
 */
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Hop of a window: 5 minutes below 12 hours, 1 hour below 12 days, else 1 day. One tile without end for null. */
export const hopMs = (windowMs: number | null): number => {
  if (windowMs === null) return Number.POSITIVE_INFINITY;
  if (windowMs < 12 * HOUR) return 5 * MINUTE;
  return windowMs < 12 * DAY ? HOUR : DAY;
};

/** The shortest and longest window, in milliseconds: one hop, and ten years of days. */
export const windowLimits = { min: 5 * MINUTE, max: 3660 * DAY };

/** Index of the tile that holds a moment. Tile i covers [i * hop, (i + 1) * hop). */
export const tileOf = (time: number, hop: number): number => Math.floor(time / hop) | 0;

export type Span = {
  windowMs: number | null;
  hop: number;
  /** Tiles in a block of the canonical order: the least number of tiles that the window ever covers. */
  block: number;
  /** The most tiles that the window ever covers before its last one. */
  reach: number;
};

export const spanOf = (windowMs: number | null): Span => {
  const hop = hopMs(windowMs);
  if (windowMs === null) return { windowMs, hop, block: 1, reach: 0 };
  return { windowMs, hop, block: Math.floor(windowMs / hop) + 1, reach: Math.ceil(windowMs / hop) };
};

/** First tile of the window that ends at `time`. */
export const firstTile = (span: Span, time: number): number =>
  span.windowMs === null ? 0 : tileOf(time - span.windowMs, span.hop);

/** Start of the block that holds a tile. */
export const boundaryOf = (span: Span, tile: number): number => Math.floor(tile / span.block) * span.block;
