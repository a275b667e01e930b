/** One point of a metric. `value` may be NaN or infinite; `timestamp` is UTC milliseconds. */
export type MetricPoint = {
  key: string;
  value: number;
  timestamp: number;
  step: number;
  /** The logged model that it measures, and the dataset that it was measured on, where there are any. */
  model?: string;
  dataset?: { name: string; digest: string };
};

/** A run by its id (32 lower-case hexadecimal digits), with the experiment that it belongs to. */
export type RunOfMetrics = { run: string; experiment: string };

/** A page of a metric's history, by timestamp, step and value; `next` is the token of the page that follows. */
export type MetricHistory = { points: MetricPoint[]; next: string | null };
