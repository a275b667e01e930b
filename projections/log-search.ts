import type { RecordBatch, Watermarks } from "../infra/broker/port.ts";

export type KeyOf = (batch: RecordBatch, index: number) => number;

export type Search = {
  /** The next stored batch at or behind an offset; null where there is none. */
  read(from: number): Promise<RecordBatch | null>;
  bounds: Watermarks;
  wanted: number;
  /** A number that never falls along the partition. */
  keyOf: KeyOf;
  /** Where to look first. */
  guess: number;
  /** Ends the search: the record at `first` has a key of at least `wanted`, and those before it in the batch less. */
  isHit?: (batch: RecordBatch, first: number) => boolean;
  /** How many records too early is near enough. */
  near?: number;
};

/**
 * Where a key that grows along a partition reaches `wanted`, by a few reads of one batch each: every record before
 * the offset answered has a lesser key. `batch` is what the search ended in, if it ended in one.
 */
export const seekKey = async (search: Search): Promise<{ from: number; batch: RecordBatch | null; first: number }> => {
  const { read, wanted, keyOf, near = 0 } = search;
  let { low: from, high: to } = search.bounds;
  let guess = search.guess;
  for (let guesses = 1; to - from > near; guesses++) {
    const start = Math.min(Math.max(guess, from), to - 1);
    const batch = await read(start);
    if (batch === null) {
      to = start;
      guess = Math.floor((from + to) / 2);
      continue;
    }
    const last = batch.count - 1;
    const first = firstOf(batch, wanted, keyOf);
    if (first <= last && search.isHit?.(batch, first)) return { from: batch.offsets[first], batch, first };
    if (first > last) {
      from = batch.offsets[last] + 1;
      guess = from + wanted - keyOf(batch, last);
    } else if (first === 0) {
      to = start;
      guess = start + wanted - keyOf(batch, 0);
    } else {
      return { from: batch.offsets[first], batch, first };
    }
    // Keys that skip or repeat mislead the distance: every other guess halves what is left.
    if (guesses % 2 === 0) guess = Math.floor((from + to) / 2);
  }
  return { from, batch: null, first: 0 };
};

/** Index of the first record whose key is at or above this one; the batch's count where there is none. */
const firstOf = (batch: RecordBatch, wanted: number, keyOf: KeyOf): number => {
  let [low, high] = [0, batch.count];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (keyOf(batch, middle) < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
};
