/**
 * Evidently's fill for empty bins, each side alone and not renormalised: 0.0001, or a millionth of the smallest share
 * where that is not above 0.0001.
 */
export const fillZeros = (shares: Float64Array): Float64Array => {
  let least = Number.POSITIVE_INFINITY;
  for (const share of shares) if (share > 0 && share < least) least = share;
  const fill = least <= 0.0001 ? least / 1_000_000 : 0.0001;
  return shares.map((share) => (share === 0 ? fill : share));
};

/** Population stability index over bins: sum of (r - c) ln(r / c). Shares by bin, zeros filled as Evidently does. */
export const populationStability = (reference: Float64Array, current: Float64Array): number => {
  const r = fillZeros(reference);
  const c = fillZeros(current);
  let sum = 0;
  for (let bin = 0; bin < r.length; bin++) sum += (r[bin] - c[bin]) * Math.log(r[bin] / c[bin]);
  return sum;
};
