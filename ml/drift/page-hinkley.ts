/** Page-Hinkley test for a change of a mean, both sides, as River has it (Page 1954). */
export type PageHinkleyParameters = { minInstances: number; delta: number; lambda: number; alpha: number };

export const pageHinkleyDefaults: PageHinkleyParameters = { minInstances: 30, delta: 0.005, lambda: 50, alpha: 0.9999 };

/** Plain numbers, so that it can be stored as JSON. `lowest` and `highest` are the extremes of the two sums. */
export type PageHinkleyState = {
  count: number;
  mean: number;
  rise: number;
  fall: number;
  lowest: number;
  highest: number;
};

export const newPageHinkley = (): PageHinkleyState => ({
  count: 0,
  mean: 0,
  rise: 0,
  fall: 0,
  lowest: 0,
  highest: 0,
});

/** After a drift the state is a new one. */
export const updatePageHinkley = (
  state: PageHinkleyState,
  x: number,
  parameters: PageHinkleyParameters = pageHinkleyDefaults,
): { state: PageHinkleyState; drift: boolean } => {
  const { alpha, delta, lambda, minInstances } = parameters;
  const count = state.count + 1;
  const mean = state.mean + (x - state.mean) / count;
  const rise = alpha * state.rise + (x - mean) - delta;
  const fall = alpha * state.fall + (x - mean) + delta;
  const lowest = count === 1 ? rise : Math.min(state.lowest, rise);
  const highest = count === 1 ? fall : Math.max(state.highest, fall);
  const drift = count >= minInstances && (rise - lowest > lambda || highest - fall > lambda);
  return drift ? { state: newPageHinkley(), drift } : { state: { count, mean, rise, fall, lowest, highest }, drift };
};
