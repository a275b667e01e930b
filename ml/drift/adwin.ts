/**
 * ADWIN (Bifet and Gavalda 2007): a window that drops its oldest part when its mean differs from the rest's, as River
 * has it. The window is kept in buckets of 1, 2, 4, ... values, a few of each size.
 */
export type AdwinParameters = {
  delta: number;
  /** Looks for a change every so many values. */
  clock: number;
  maxBuckets: number;
  minWindow: number;
  gracePeriod: number;
};

export const adwinDefaults: AdwinParameters = { delta: 0.002, clock: 32, maxBuckets: 5, minWindow: 5, gracePeriod: 10 };

/** Sum of the values and of their squared distances from their mean. */
type Bucket = { total: number; spread: number };

/** Plain numbers, so that it can be stored as JSON. `rows[k]` holds buckets of 2^k values, oldest first. */
export type AdwinState = { ticks: number; width: number; total: number; spread: number; rows: Bucket[][] };

export const newAdwin = (): AdwinState => ({ ticks: 0, width: 0, total: 0, spread: 0, rows: [[]] });

/** Spread that two groups gain when they become one (Babcock et al. 2003). */
const between = (n1: number, mean1: number, n2: number, mean2: number): number =>
  (n1 * n2 * (mean1 - mean2) * (mean1 - mean2)) / (n1 + n2);

const insert = (state: AdwinState, x: number, maxBuckets: number): void => {
  if (state.width > 0) state.spread += between(state.width, state.total / state.width, 1, x);
  state.width += 1;
  state.total += x;
  state.rows[0].push({ total: x, spread: 0 });
  for (let row = 0; state.rows[row].length > maxBuckets; row++) {
    const [first, second] = state.rows[row].splice(0, 2);
    const size = 2 ** row;
    const merged = {
      total: first.total + second.total,
      spread: first.spread + second.spread + between(size, first.total / size, size, second.total / size),
    };
    if (row + 1 === state.rows.length) state.rows.push([]);
    state.rows[row + 1].push(merged);
  }
};

const dropOldest = (state: AdwinState): void => {
  const row = state.rows.length - 1;
  const size = 2 ** row;
  const oldest = state.rows[row].shift();
  if (oldest === undefined) return;
  state.width -= size;
  state.total -= oldest.total;
  state.spread -= oldest.spread + between(size, oldest.total / size, state.width, state.total / state.width);
  if (state.rows[row].length === 0) state.rows.pop();
};

/** Does some cut of the window part two means that differ by more than chance (epsilon of the paper's section 3.2)? */
const hasCut = (state: AdwinState, { delta, minWindow }: AdwinParameters): boolean => {
  const confidence = Math.log((2 * Math.log(state.width)) / delta);
  const variance = state.spread / state.width;
  let older = 0;
  let olderTotal = 0;
  for (let row = state.rows.length - 1; row >= 0; row--) {
    // River leaves out the newest bucket of each size; so do we, to detect when it does.
    for (const bucket of state.rows[row].slice(0, -1)) {
      older += 2 ** row;
      olderTotal += bucket.total;
      const newer = state.width - older;
      if (older < minWindow || newer < minWindow) continue;
      const difference = olderTotal / older - (state.total - olderTotal) / newer;
      const harmonic = 1 / (older - minWindow + 1) + 1 / (newer - minWindow + 1);
      const epsilon = Math.sqrt(2 * harmonic * variance * confidence) + (2 / 3) * confidence * harmonic;
      if (Math.abs(difference) > epsilon) return true;
    }
  }
  return false;
};

/** Adds a value; on a drift the window has been cut to what is like its newest part. */
export const updateAdwin = (
  state: AdwinState,
  x: number,
  parameters: AdwinParameters = adwinDefaults,
): { state: AdwinState; drift: boolean } => {
  const next: AdwinState = { ...state, ticks: state.ticks + 1, rows: state.rows.map((row) => [...row]) };
  insert(next, x, parameters.maxBuckets);
  let drift = false;
  if (next.ticks % parameters.clock === 0) {
    while (next.width > parameters.gracePeriod && hasCut(next, parameters)) {
      dropOldest(next);
      drift = true;
    }
  }
  return { state: next, drift };
};
