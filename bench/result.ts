/** What a bench found: a figure next to the ceiling that was measured in the same run. */
export type BenchResult = {
  name: string;
  figure: number;
  unit: string;
  ceiling: number;
  /** figure / ceiling. */
  ratio: number;
  rssMb: number;
  notes: string[];
};

export const rssMb = (): number => Math.round(process.memoryUsage().rss / 1e6);
