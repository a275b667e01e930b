import { featureValue } from "./accumulators.ts";
import { newRow, type Row } from "./fold.ts";
import type { Heads } from "./heads.ts";
import type { WindowLayout } from "./layout.ts";
import { sketchValue } from "./sketch.ts";
import type { Tiles } from "./tiles.ts";
import { foldWindow, newWindowFolds, tileChanged, tilesEvicted } from "./window-folds.ts";

/** Reads features from tiles. */
export type WindowReader = {
  /** `heads` where the moment is before the entity's newest event, and they reach it. */
  read(entity: number, time: number, heads: Heads | null, out: Float64Array, at: number): void;
  /** Features of an entity without events. */
  readEmpty(out: Float64Array, at: number): void;
  /** To be told of every change of tiles. */
  changed(classIndex: number, entity: number, row: number): void;
  evicted(classIndex: number, entity: number, first: number): void;
};

export const windowReader = (classes: readonly Tiles[]): WindowReader => {
  const folds = classes.map(({ of }) => of.windows.map(newWindowFolds));
  const rows: Row[][] = classes.map(({ of }) => of.windows.map(newRow));
  const empty = classes.map(({ of }) => of.windows.map(newRow));

  return {
    read: (entity, time, heads, out, at) => {
      for (let c = 0; c < classes.length; c++) {
        const tiles = classes[c];
        const cut = heads?.isCut(c, entity, time) ? { tiles: heads.cuts[c], row: heads.cut(c, entity, time) } : null;
        const ofClass = folds[c];
        for (let w = 0; w < ofClass.length; w++) {
          foldWindow(ofClass[w], tiles, entity, time, cut, rows[c][w]);
          writeOutputs(ofClass[w].window, rows[c][w], out, at);
        }
      }
    },
    readEmpty: (out, at) => {
      classes.forEach(({ of }, c) => {
        of.windows.forEach((window, w) => {
          writeOutputs(window, empty[c][w], out, at);
        });
      });
    },
    changed: (classIndex, entity, row) => {
      const ofClass = folds[classIndex];
      for (let w = 0; w < ofClass.length; w++) tileChanged(ofClass[w], classes[classIndex], entity, row);
    },
    evicted: (classIndex, entity, first) => {
      const ofClass = folds[classIndex];
      for (let w = 0; w < ofClass.length; w++) tilesEvicted(ofClass[w], classes[classIndex], entity, first);
    },
  };
};

const writeOutputs = (window: WindowLayout, row: Row, out: Float64Array, at: number): void => {
  const { outputs } = window;
  for (let i = 0; i < outputs.length; i++) {
    const output = outputs[i];
    out[at + output.feature] =
      output.function === "distinct" || output.function === "quantile"
        ? sketchValue(output.kind, row.sketches[output.at], output.quantile)
        : featureValue(output.function, row.slots, output.at, window.span.windowMs ?? Number.POSITIVE_INFINITY);
  }
};
