import assert from "node:assert/strict";
import { test } from "node:test";
import { packNumbers } from "../../schemas/packed.ts";
import type { TileRecord } from "../../schemas/topics.ts";
import { completeWindows } from "../../streams/drift/windows.ts";

const hour = 3_600_000;

const tile = (from: number, partition: number): TileRecord => ({
  kind: "drift",
  endpoint: "e",
  model: "m",
  version: 1,
  partition,
  from,
  to: from + hour,
  watermark: from,
  rows: 10,
  columns: ["x"],
  bins: [2],
  length: 2,
  values: packNumbers(Float64Array.of(4, 6)),
});

const windowsAt = (watermarks: [time: number, seenAt: number][], now: number): { to: number; rows: number }[] =>
  completeWindows(
    [tile(0, 0), tile(0, 1), tile(hour, 0)],
    watermarks.map(([time, seenAt]) => ({ time, seenAt })),
    hour,
    now,
  ).map(({ to, versions }) => ({ to, rows: versions[0].rows }));

test("a window is judged when the slowest partition has left it behind", () => {
  assert.deepEqual(
    windowsAt(
      [
        [2 * hour, 0],
        [hour - 1, 0],
      ],
      0,
    ),
    [],
  );
  assert.deepEqual(
    windowsAt(
      [
        [2 * hour, 0],
        [hour, 0],
      ],
      0,
    ),
    [{ to: hour, rows: 20 }],
  );
});

test("a partition that was not heard of yet is waited for, but no longer than one that fell silent", () => {
  const silent: [number, number] = [Number.NEGATIVE_INFINITY, 0];
  assert.deepEqual(windowsAt([[2 * hour, 59_000], silent], 59_000), []);
  assert.equal(windowsAt([[2 * hour, 61_000], silent], 61_000).length, 2);
  assert.equal(windowsAt([[2 * hour, 0], silent], 61_000).length, 2);
});
