import { kolmogorovTail } from "./kolmogorov.ts";

/** The largest distance of the two samples' distribution functions. */
export const ksStatistic = (reference: Float64Array, current: Float64Array): number => {
  const r = reference.toSorted();
  const c = current.toSorted();
  let i = 0;
  let j = 0;
  let largest = 0;
  while (i < r.length && j < c.length) {
    const value = Math.min(r[i], c[j]);
    while (i < r.length && r[i] === value) i++;
    while (j < c.length && c[j] === value) j++;
    largest = Math.max(largest, Math.abs(i / r.length - j / c.length));
  }
  return largest;
};

/** p of a statistic for samples of n1 and n2: the one-sample tail at round(n1 n2 / (n1 + n2)), as scipy has it. */
export const ksAsymptoticP = (statistic: number, n1: number, n2: number): number =>
  kolmogorovTail(Math.round((n1 * n2) / (n1 + n2)), statistic);

const greatestDivisor = (a: number, b: number): number => (b === 0 ? a : greatestDivisor(b, a % b));

/**
 * Exact p: the share of lattice paths from (0, 0) to (n1, n2) that somewhere leave the band |i / n1 - j / n2| < d
 * (Hodges 1958). Cell (i, j) holds the share of paths to it that have left, so that small p keep their digits.
 * Takes time in n1 * n2 * d.
 */
export const ksExactP = (statistic: number, n1: number, n2: number): number => {
  const divisor = greatestDivisor(n1, n2);
  const down = n1 / divisor;
  const across = n2 / divisor;
  const width = Math.round(statistic * down * n2);
  if (width === 0) return 1;
  const left = new Float64Array(n2 + 1).fill(1);
  for (let i = 0; i <= n1; i++) {
    const first = Math.max(0, Math.floor((i * across - width) / down) + 1);
    const last = Math.min(n2, Math.ceil((i * across + width) / down) - 1);
    if (first > 0) left[first - 1] = 1;
    for (let j = first; j <= last; j++) {
      if (i === 0 && j === 0) left[0] = 0;
      else left[j] = ((i > 0 ? left[j] * i : 0) + (j > 0 ? left[j - 1] * j : 0)) / (i + j);
    }
  }
  return Math.min(1, left[n2]);
};

const LARGEST_EXACT = 10_000;

/** Two-sample Kolmogorov-Smirnov test, two-sided: exact where both samples have at most 10,000 values. */
export const ksTest = (reference: Float64Array, current: Float64Array): { statistic: number; pValue: number } => {
  const statistic = ksStatistic(reference, current);
  const exact = Math.max(reference.length, current.length) <= LARGEST_EXACT;
  const p = exact ? ksExactP : ksAsymptoticP;
  return { statistic, pValue: p(statistic, reference.length, current.length) };
};
