import { foldValue } from "./accumulators.ts";
import { type EventLog, isSet, numbersAt, setBit } from "./event-log.ts";
import { distinctEntry } from "./hyperloglog.ts";
import type { Accumulator, Layout } from "./layout.ts";
import { foldSketch, newSketch } from "./sketch.ts";
import { rowOf, type Tiles } from "./tiles.ts";
import { tileOf } from "./window.ts";

/** Where the partials of a class begin in rows that hold those of several. */
export type Place = { slot: number; sketch: number };

const OWN: Place = { slot: 0, sketch: 0 };

/** Evaluates the expressions of one source once an event, for all accumulators that use them. */
export type EventReader = {
  /** Whether any accumulator takes the event. */
  load(event: Record<string, unknown>, time: number): boolean;
  /** Folds the loaded event into its tile of a class; answers its row, or -1 when no accumulator of it took the event. */
  fold(tiles: Tiles, classIndex: number, entity: number, time: number): number;
  /** Folds the loaded event into a given row. */
  foldInto(tiles: Tiles, row: number, classIndex: number, time: number, place: Place): void;
  /** Writes what was loaded into a row of the log, and loads it again from there. */
  save(log: EventLog, row: number): void;
  recall(log: EventLog, row: number): void;
};

export const eventReader = (layout: Layout, source: string): EventReader => {
  const { values, wheres } = layout.expressions.get(source) ?? { values: [], wheres: [] };
  const accumulators = layout.classes.map((tileClass) => tileClass.bySource.get(source) ?? []);
  /** NaN where missing; of a text its entry in a sketch of distinct values, which is all that takes texts. */
  const numbers = new Float64Array(values.length);
  const isText = new Uint8Array(values.length);
  const holds = new Uint8Array(wheres.length);

  const takes = ({ value, where }: Accumulator): boolean => {
    if (where >= 0 && holds[where] === 0) return false;
    return value < 0 || !Number.isNaN(numbers[value]);
  };

  const foldOne = (tiles: Tiles, row: number, accumulator: Accumulator, time: number, place: Place): void => {
    const { kind, value, slot, sketch } = accumulator;
    const number = value < 0 ? 0 : numbers[value];
    if (sketch < 0) {
      foldValue(kind, tiles.slots, row * tiles.of.width + place.slot + slot, number, time);
      return;
    }
    const at = row * tiles.of.sketchCount + place.sketch + sketch;
    const own = tiles.sketches[at] ?? newSketch(kind);
    foldSketch(own, number, isText[value] === 1);
    tiles.sketches[at] = own;
  };

  return {
    load: (event, time) => {
      for (let i = 0; i < wheres.length; i++) holds[i] = wheres[i].evaluate(event, time) === true ? 1 : 0;
      for (let i = 0; i < values.length; i++) {
        const value = values[i].evaluate(event, time);
        isText[i] = typeof value === "string" ? 1 : 0;
        numbers[i] = typeof value === "string" ? distinctEntry(value) : numeric(value);
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
        if (!takes(ofClass[i])) continue;
        if (row < 0) row = rowOf(tiles, entity, tileOf(time, tiles.of.hop));
        foldOne(tiles, row, ofClass[i], time, OWN);
      }
      return row;
    },
    foldInto: (tiles, row, classIndex, time, place) => {
      const ofClass = accumulators[classIndex];
      for (let i = 0; i < ofClass.length; i++) {
        if (takes(ofClass[i])) foldOne(tiles, row, ofClass[i], time, place);
      }
    },
    save: (log, row) => {
      const at = numbersAt(log, row);
      for (let i = 0; i < numbers.length; i++) {
        log.data[at + i] = numbers[i];
        if (isText[i] === 1) setBit(log, row, i);
      }
      for (let i = 0; i < holds.length; i++) if (holds[i] === 1) setBit(log, row, log.width + i);
    },
    recall: (log, row) => {
      const at = numbersAt(log, row);
      for (let i = 0; i < numbers.length; i++) {
        numbers[i] = log.data[at + i];
        isText[i] = isSet(log, row, i);
      }
      for (let i = 0; i < holds.length; i++) holds[i] = isSet(log, row, log.width + i);
    },
  };
};

/** Numbers as they are (without -0), bools as 0 and 1; what is missing or not finite is NaN. */
const numeric = (value: unknown): number => {
  if (typeof value === "number") return Number.isFinite(value) ? value + 0 : Number.NaN;
  return typeof value === "boolean" ? Number(value) : Number.NaN;
};
