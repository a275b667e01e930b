import { Kind } from "./accumulators.ts";
import type { BlobReader, BlobWriter } from "./bytes.ts";
import {
  addQuantile,
  type DDSketch,
  ddSketch,
  estimateQuantile,
  mergeQuantile,
  readQuantile,
  writeQuantile,
} from "./ddsketch.ts";
import {
  addEntry,
  distinctEntry,
  estimateDistinct,
  type HyperLogLog,
  hyperLogLog,
  mergeDistinct,
  readDistinct,
  writeDistinct,
} from "./hyperloglog.ts";

/** Partials that do not fit into slots. Absent (null) where nothing was folded. Merging is exact in any order. */
export type Sketch = { kind: typeof Kind.distinct; of: HyperLogLog } | { kind: typeof Kind.quantile; of: DDSketch };

export const newSketch = (kind: Kind): Sketch =>
  kind === Kind.distinct ? { kind, of: hyperLogLog() } : { kind: Kind.quantile, of: ddSketch() };

/** Folds a number, or what a sketch of distinct values keeps of a text (`distinctEntry`). */
export const foldSketch = (sketch: Sketch, value: number, isEntry: boolean): void => {
  if (sketch.kind === Kind.distinct) addEntry(sketch.of, isEntry ? value : distinctEntry(value));
  else addQuantile(sketch.of, value);
};

/** A new sketch of both. Neither is changed or shared. */
export const unionSketch = (a: Sketch | null, b: Sketch): Sketch => {
  const union = newSketch(b.kind);
  if (a !== null) mergeSketch(union, a);
  mergeSketch(union, b);
  return union;
};

/** Merges into a sketch that nobody else holds. */
export const mergeSketch = (into: Sketch, from: Sketch): void => {
  if (into.kind === Kind.distinct) mergeDistinct(into.of, from.of as HyperLogLog);
  else mergeQuantile(into.of, from.of as DDSketch);
};

/** Number of distinct values (0 for none), or the quantile (NaN for none). */
export const sketchValue = (kind: Kind, sketch: Sketch | null, quantile: number): number => {
  if (sketch === null) return kind === Kind.distinct ? 0 : Number.NaN;
  return sketch.kind === Kind.distinct ? estimateDistinct(sketch.of) : estimateQuantile(sketch.of, quantile);
};

/** 0 for an absent sketch, else 1 and the sketch. */
export const writeSketch = (sketch: Sketch | null, to: BlobWriter): void => {
  to.byte(sketch === null ? 0 : 1);
  if (sketch === null) return;
  if (sketch.kind === Kind.distinct) writeDistinct(sketch.of, to);
  else writeQuantile(sketch.of, to);
};

export const readSketch = (kind: Kind, from: BlobReader): Sketch | null => {
  if (from.byte() === 0) return null;
  return kind === Kind.distinct ? { kind, of: readDistinct(from) } : { kind: Kind.quantile, of: readQuantile(from) };
};
