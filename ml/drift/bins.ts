/** Finite values only, as Evidently compares them. */
export const finiteValues = (values: ArrayLike<number>): Float64Array =>
  Float64Array.from(values).filter((value) => Number.isFinite(value));

type Spread = { min: number; max: number; integers: boolean };

const spreadOf = (values: Float64Array): Spread => {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  let integers = true;
  for (const value of values) {
    if (value < min) min = value;
    if (value > max) max = value;
    if (!Number.isInteger(value)) integers = false;
  }
  return { min, max, integers };
};

/** NumPy's `linspace` over the range in bins of about `width`; one bin around the value where all are equal. */
const evenEdges = ({ min, max }: Spread, width: number): Float64Array => {
  const from = min === max ? min - 0.5 : min;
  const to = min === max ? max + 0.5 : max;
  const bins = width > 0 ? Math.ceil((to - from) / width) : 1;
  const step = (to - from) / bins;
  const edges = Float64Array.from({ length: bins + 1 }, (_, i) => i * step + from);
  edges[bins] = to;
  return edges;
};

/**
 * `numpy.histogram_bin_edges(values, "sturges")`: range / (log2 n + 1) wide; at least 1 where all values are whole
 * numbers, as NumPy does for integer arrays. `values` are finite and not empty.
 */
export const sturgesEdges = (values: Float64Array): Float64Array => {
  const spread = spreadOf(values);
  const width = (spread.max - spread.min) / (Math.log2(values.length) + 1);
  return evenEdges(spread, spread.integers && width > 0 ? Math.max(1, width) : width);
};

/** `numpy.histogram_bin_edges(values, "doane")`: Sturges with more bins for a skewed sample. */
export const doaneEdges = (values: Float64Array): Float64Array => {
  const spread = spreadOf(values);
  const n = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / n);
  if (n <= 2 || deviation === 0) return evenEdges(spread, 0);
  const skew = values.reduce((sum, value) => sum + ((value - mean) / deviation) ** 3, 0) / n;
  const skewDeviation = Math.sqrt((6 * (n - 2)) / ((n + 1) * (n + 3)));
  const width = (spread.max - spread.min) / (1 + Math.log2(n) + Math.log2(1 + Math.abs(skew) / skewDeviation));
  return evenEdges(spread, spread.integers ? Math.max(1, width) : width);
};

/** `numpy.histogram` on even edges: bins are closed on the left, the last one on both sides; others are not counted. */
export const countInBins = (values: Float64Array, edges: Float64Array): Float64Array => {
  const bins = edges.length - 1;
  const counts = new Float64Array(bins);
  const range = edges[bins] - edges[0];
  for (const value of values) {
    if (value < edges[0] || value > edges[bins]) continue;
    let bin = Math.min(bins - 1, Math.floor(((value - edges[0]) / range) * bins));
    if (value < edges[bin]) bin--;
    else if (bin < bins - 1 && value >= edges[bin + 1]) bin++;
    counts[bin]++;
  }
  return counts;
};

/** Counts as shares of `total`. */
export const sharesOf = (counts: Float64Array, total: number): Float64Array => counts.map((count) => count / total);
