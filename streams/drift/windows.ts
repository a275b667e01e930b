import type { ReferenceProfile } from "../../ml/drift/profile.ts";
import { columnOf, compareSketch, sketcher } from "../../ml/drift/sketch.ts";
import type { MonitorDefinition } from "../../schemas/lifecycle/monitor.ts";
import { unpackNumbers } from "../../schemas/packed.ts";
import type { TileRecord } from "../../schemas/topics.ts";

export type DriftMonitor = Extract<MonitorDefinition, { kind: "drift" }>;

/** The sketch of one version over one window: the sum of its tiles over hours and partitions. */
export type WindowTiles = {
  model: string;
  version: number;
  rows: number;
  columns: string[];
  bins: number[];
  /** As `Sketcher` has them. */
  numbers: Float64Array;
};

export type Window = { from: number; to: number; versions: WindowTiles[] };

/** A partition that has said nothing for so long no longer holds the others up. */
const silentMs = 60_000;

/**
 * Windows (aligned to multiples of their length) that every partition has left behind, oldest first.
 * Partitions that have been silent for a minute of wall-clock time are not waited for.
 */
export const completeWindows = (
  tiles: Iterable<TileRecord>,
  watermarks: Iterable<{ time: number; seenAt: number }>,
  windowMs: number,
  now: number,
): Window[] => {
  const times = [...watermarks];
  const speaking = times.filter(({ seenAt }) => now - seenAt < silentMs);
  const heard = times.filter(({ time }) => time !== Number.NEGATIVE_INFINITY);
  const complete = Math.min(...(speaking.length > 0 ? speaking : heard).map(({ time }) => time));
  const windows = new Map<number, Map<string, WindowTiles>>();
  for (const tile of tiles) {
    const from = Math.floor(tile.from / windowMs) * windowMs;
    if (from + windowMs > complete) continue;
    const versions = windows.get(from) ?? new Map<string, WindowTiles>();
    windows.set(from, versions);
    // Tiles of an earlier release have another layout.
    const key = `${tile.model}|${tile.version}|${tile.length}`;
    const held = versions.get(key);
    if (held === undefined) versions.set(key, windowOf(tile));
    else addTile(held, tile);
  }
  return [...windows]
    .sort(([a], [b]) => a - b)
    .map(([from, versions]) => ({ from, to: from + windowMs, versions: [...versions.values()] }));
};

const windowOf = (tile: TileRecord): WindowTiles => ({
  model: tile.model,
  version: tile.version,
  rows: tile.rows,
  columns: tile.columns,
  bins: tile.bins,
  numbers: unpackNumbers(tile.values, tile.length),
});

const addTile = (window: WindowTiles, tile: TileRecord): void => {
  const values = unpackNumbers(tile.values, tile.length);
  window.rows += tile.rows;
  for (let i = 0; i < values.length; i++) window.numbers[i] += values[i];
};

/** The windows of one version, whatever their layouts, as one in the profile's; null where none is of the profile. */
export const inLayoutOf = (profile: ReferenceProfile, windows: readonly WindowTiles[]): WindowTiles | null => {
  const { adopt, columns, bins } = sketcher(profile);
  let whole: WindowTiles | null = null;
  for (const window of windows) {
    const numbers = adopt(window.bins, window.numbers);
    if (numbers === null) continue;
    if (whole === null) whole = { ...window, columns, bins: [...bins], numbers };
    else {
      whole.rows += window.rows;
      for (let i = 0; i < numbers.length; i++) whole.numbers[i] += numbers[i];
    }
  }
  return whole;
};

/** The monitor's statistic for each column it watches. */
export const judgeWindow = (
  window: WindowTiles,
  profile: ReferenceProfile,
  definition: DriftMonitor,
): { column: string; value: number }[] => {
  const judged: { column: string; value: number }[] = [];
  window.columns.forEach((column, index) => {
    if (definition.columns.length > 0 && !definition.columns.includes(column)) return;
    const sketch = columnOf(window.numbers, window.bins, index);
    judged.push({ column, value: compareSketch(profile, index, sketch, definition.statistic) });
  });
  return judged;
};
