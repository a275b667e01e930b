type Timed = { timestamp: number; value: number };

/**
 * Whether `a` is the latest point rather than `b`: the higher timestamp, then the higher value, as MLflow's REST
 * reference says of a run's metrics. NaN is below every value.
 */
export const isLater = (a: Timed, b: Timed): boolean => {
  if (a.timestamp !== b.timestamp) return a.timestamp > b.timestamp;
  return Number.isNaN(b.value) ? !Number.isNaN(a.value) : a.value > b.value;
};
