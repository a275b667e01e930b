import { upperGamma } from "./log-gamma.ts";

/**
 * Chi-square test of current counts by category against the reference's shares, as Evidently has it: expected is
 * reference count * current total / reference total, k - 1 degrees of freedom; a category that the reference lacks
 * gives p = 0.
 */
export const chiSquare = (
  reference: ArrayLike<number>,
  current: ArrayLike<number>,
): { statistic: number; pValue: number } => {
  let referenceTotal = 0;
  let currentTotal = 0;
  for (let k = 0; k < reference.length; k++) {
    referenceTotal += reference[k];
    currentTotal += current[k];
  }
  let statistic = 0;
  let categories = 0;
  for (let k = 0; k < reference.length; k++) {
    if (reference[k] === 0 && current[k] === 0) continue;
    const expected = (reference[k] * currentTotal) / referenceTotal;
    statistic += (current[k] - expected) ** 2 / expected;
    categories++;
  }
  if (categories < 2) return { statistic, pValue: statistic > 0 ? 0 : 1 };
  const pValue = Number.isFinite(statistic) ? upperGamma((categories - 1) / 2, statistic / 2) : 0;
  return { statistic, pValue };
};
