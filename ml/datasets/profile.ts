/** How a column is described: by its distribution, its range, its most frequent values, or only counted. */
export type ColumnKind = "numeric" | "temporal" | "categorical" | "nested";

export type Bin = { from: number; to: number; count: number };

/** `null` where there is no value to tell it. */
export type ColumnProfile = {
  name: string;
  /** ClickHouse's, without Nullable. */
  type: string;
  kind: ColumnKind;
  count: number;
  /** NULL, or not a number. */
  missing: number;
  /** Estimated (HyperLogLog-like, within about 2 %); null for nested values. */
  distinct: number | null;
  /** Numbers, ISO dates and times as text, and as text a number that a double would round. */
  min: number | string | null;
  max: number | string | null;
  mean: number | null;
  /** Of the sample (n - 1). */
  std: number | null;
  /**
   * By `quantileLevels`, between two values as pandas has it; of more than 400,000 rows the value whose rank is that
   * of the level within 0.1 %. Empty for what is not numeric.
   */
  quantiles: { level: number; value: number }[];
  /** Of equal width from min to max; each holds its lower bound, the last its upper one, too. */
  histogram: Bin[];
  /** Most frequent first; estimated (space-saving) where there are very many distinct values. */
  top: { value: string; count: number }[];
};

export type DatasetProfile = { rows: number; columns: ColumnProfile[] };

export const quantileLevels = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99] as const;

export const histogramBins = 20;

/** `Nullable(T)` and `LowCardinality(T)` as T. */
export const plainType = (type: string): string => {
  const inner = /^(?:Nullable|LowCardinality)\((.*)\)$/s.exec(type)?.[1];
  return inner === undefined ? type : plainType(inner);
};

export const kindOf = (type: string): ColumnKind => {
  const plain = plainType(type);
  if (/^(U?Int\d+|Float\d+|BFloat16|Decimal)/.test(plain)) return "numeric";
  if (/^Date/.test(plain)) return "temporal";
  return /^(String|FixedString|Bool|Enum|UUID|IPv)/.test(plain) ? "categorical" : "nested";
};

/** Bins of equal width with the counts by their number; one bin where all values are the same. */
export const binsOf = (min: number, max: number, counts: Readonly<Record<string, number>>): Bin[] => {
  const bins = max > min ? histogramBins : 1;
  const range = max - min;
  // The difference of two doubles may be beyond all doubles.
  const edge = (i: number): number =>
    Number.isFinite(range) ? min + (i * range) / bins : min * (1 - i / bins) + max * (i / bins);
  return Array.from({ length: bins }, (_, i) => ({
    from: edge(i),
    to: i === bins - 1 ? max : edge(i + 1),
    count: Number(counts[i] ?? 0),
  }));
};

/** A decimal text as a number, if that stands for the same; else the text. */
export const exactNumber = (text: string): number | string => {
  const number = Number(text);
  const isWhole = /^-?\d+$/.test(text);
  if (isWhole) return Number.isSafeInteger(number) ? number : text;
  return significant(text) > 17 ? text : number;
};

const significant = (text: string): number =>
  text
    .replace(/[eE].*$/, "")
    .replace(/[-.]/g, "")
    .replace(/^0+/, "").length;
