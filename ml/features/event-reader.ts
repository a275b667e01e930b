import { foldValue } from "./accumulators.ts";
import type { Accumulator, Layout } from "./layout.ts";
import { foldSketch, newSketch } from "./sketch.ts";
import { rowOf, type Tiles } from "./tiles.ts";
import { tileOf } from "./window.ts";

/** Evaluates the expressions of one source once an event, for all accumulators that use them. */
export type EventReader = {
  /** Whether any accumulator takes the event. */
  load(event: Record<string, unknown>, time: number): boolean;
  /** Folds the loaded event into its tile of a class; answers its row, or -1 when no accumulator of it took the event. */
  fold(tiles: Tiles, classIndex: number, entity: number, time: number): number;
};

export const eventReader = (layout: Layout, source: string): EventReader => {
  const { values, wheres } = layout.expressions.get(source) ?? { values: [], wheres: [] };
  const accumulators = layout.classes.map((tileClass) => tileClass.bySource.get(source) ?? []);
  /** NaN where missing; texts are for distinct only. */
  const numbers = new Float64Array(values.length);
  const texts = new Array<string | null>(values.length).fill(null);
  const holds = new Uint8Array(wheres.length);

  const takes = ({ value, where }: Accumulator): boolean => {
    if (where >= 0 && holds[where] === 0) return false;
    if (value < 0) return true;
    return !Number.isNaN(numbers[value]) || texts[value] !== null;
  };

  return {
    load: (event, time) => {
      for (let i = 0; i < wheres.length; i++) holds[i] = wheres[i].evaluate(event, time) === true ? 1 : 0;
      for (let i = 0; i < values.length; i++) {
        const value = values[i].evaluate(event, time);
        numbers[i] = numeric(value);
        if (typeof value === "string") texts[i] = value;
        else if (texts[i] !== null) texts[i] = null;
      }
      for (const ofClass of accumulators) {
        for (let i = 0; i < ofClass.length; i++) if (takes(ofClass[i])) return true;
      }
      return false;
    },
    fold: (tiles, classIndex, entity, time) => {
      const ofClass = accumulators[classIndex];
      let row = -1;
      for (let i = 0; i < ofClass.length; i++) {
        const accumulator = ofClass[i];
        if (!takes(accumulator)) continue;
        if (row < 0) row = rowOf(tiles, entity, tileOf(time, tiles.of.hop));
        const { kind, value, slot, sketch } = accumulator;
        const number = value < 0 ? 0 : numbers[value];
        if (sketch < 0) foldValue(kind, tiles.slots, row * tiles.of.width + slot, number, time);
        else addToSketch(tiles, row, accumulator, texts[value] ?? number);
      }
      return row;
    },
  };
};

/** Numbers as they are (without -0), bools as 0 and 1; what is missing or not finite is NaN. */
const numeric = (value: unknown): number => {
  if (typeof value === "number") return Number.isFinite(value) ? value + 0 : Number.NaN;
  return typeof value === "boolean" ? Number(value) : Number.NaN;
};

const addToSketch = (tiles: Tiles, row: number, { kind, sketch }: Accumulator, value: number | string): void => {
  const at = row * tiles.of.sketchCount + sketch;
  const own = tiles.sketches[at] ?? newSketch(kind);
  foldSketch(own, value);
  tiles.sketches[at] = own;
};
