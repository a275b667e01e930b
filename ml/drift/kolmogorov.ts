const { PI } = Math;

/**
 * P(D+ >= d) of the one-sided one-sample statistic for n values, exact (Smirnov; Birnbaum and Tingey 1951):
 * d * sum over j <= n (1 - d) of C(n, j) (d + j / n)^(j - 1) (1 - d - j / n)^(n - j). All terms are positive.
 */
const smirnovTail = (n: number, d: number): number => {
  let logBinomial = 0;
  let sum = (1 - d) ** n;
  for (let j = 1; j <= Math.floor(n * (1 - d)); j++) {
    logBinomial += Math.log((n - j + 1) / j);
    const left = 1 - d - j / n;
    if (left <= 0) break;
    sum += d * Math.exp(logBinomial + (j - 1) * Math.log(d + j / n) + (n - j) * Math.log(left));
  }
  return sum;
};

/** P(D < d) for n values by a matrix power (Marsaglia, Tsang and Wang 2003); for small n * d. */
const matrixCdf = (n: number, d: number): number => {
  const k = Math.floor(n * d) + 1;
  const m = 2 * k - 1;
  const h = k - n * d;
  const cell = (i: number, j: number): number => {
    if (i - j + 1 < 0) return 0;
    let value = 1;
    if (j === 0) value -= h ** (i + 1);
    if (i === m - 1) value -= h ** (m - j);
    if (i === m - 1 && j === 0) value += Math.max(0, 2 * h - 1) ** m;
    for (let g = 2; g <= i - j + 1; g++) value /= g;
    return value;
  };
  const multiply = (a: number[][], b: number[][]): number[][] =>
    a.map((row) => b[0].map((_, j) => row.reduce((sum, value, i) => sum + value * b[i][j], 0)));
  let base = Array.from({ length: m }, (_, i) => Array.from({ length: m }, (_, j) => cell(i, j)));
  let power: number[][] | null = null;
  for (let left = n; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) power = power === null ? base : multiply(power, base);
    if (left > 1) base = multiply(base, base);
  }
  let result = power?.[k - 1][k - 1] ?? 0;
  for (let i = 1; i <= n; i++) result *= i / n;
  return result;
};

/** P(D < d) for n values to the order n^-2 (Pelz and Good 1976), for n above about a hundred. */
const seriesCdf = (n: number, d: number): number => {
  const z = Math.sqrt(n) * d;
  const z2 = z * z;
  const p2 = PI * PI;
  const terms = Math.ceil((16 * z) / PI) + 1;
  const sums = [0, 0, 0, 0];
  for (let k = terms; k >= 1; k--) {
    const m2 = (2 * k - 1) ** 2;
    const weight = Math.exp((-p2 * m2) / (8 * z2));
    sums[0] += weight;
    sums[1] += weight * (-z2 + (p2 / 4) * m2);
    sums[2] +=
      weight *
      (6 * z2 ** 3 + 2 * z2 ** 2 + ((2 * z2 ** 2 - 5 * z2) * p2 * m2) / 4 + (p2 ** 2 * (1 - 2 * z2) * m2 ** 2) / 16);
    sums[3] +=
      weight *
      (-30 * z2 ** 3 -
        90 * z2 ** 4 +
        ((135 * z2 ** 2 - 96 * z2 ** 3) * p2 * m2) / 4 +
        ((212 * z2 ** 2 - 60 * z2) * p2 ** 2 * m2 ** 2) / 16 +
        ((5 - 30 * z2) * p2 ** 3 * m2 ** 3) / 64);
  }
  const root = Math.sqrt(2 * PI);
  const scaled = [sums[0] / z, sums[1] / (6 * z ** 4), sums[2] / (72 * z ** 7), sums[3] / (6480 * z ** 10)].map(
    (sum) => sum * root,
  );
  for (let k = terms; k >= 1; k--) {
    const k2 = k * k;
    const weight = k2 * Math.exp((-p2 * k2) / (2 * z2));
    scaled[2] -= (p2 * root * weight) / (36 * z ** 3);
    scaled[3] += (p2 * root * weight * (3 * z2 - p2 * k2)) / (216 * z ** 6);
  }
  return scaled.reduce((sum, value, i) => sum + value / n ** (i / 2), 0);
};

/** Above this n d^2 the two-sided tail is twice the one-sided one, to all digits of a double (Simard, L'Ecuyer 2011). */
const TWICE_ONE_SIDED = 2.2;
const SMALL_SAMPLE = 140;

/** P(D >= d) of the two-sided one-sample Kolmogorov statistic for n values (scipy's `kstwo.sf`). */
export const kolmogorovTail = (n: number, d: number): number => {
  if (d >= 1) return 0;
  if (2 * n * d <= 1) return 1;
  if (n * d * d >= TWICE_ONE_SIDED || d >= 0.5) return Math.min(1, 2 * smirnovTail(n, d));
  const below = n <= SMALL_SAMPLE ? matrixCdf(n, d) : seriesCdf(n, d);
  return Math.min(1, Math.max(0, 1 - below));
};
