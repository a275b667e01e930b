import { posix } from "node:path";
import { isLong } from "../../schemas/avro-shape.ts";
import { MillraceError } from "../../schemas/errors.ts";
import { preview } from "../../schemas/preview.ts";
import type { MetricBatchRecord } from "../../schemas/topics.ts";

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

/** What a run has measured of a logged model. */
export type ModelMetric = Omit<MetricPoint, "model" | "dataset"> & {
  model: string;
  run: string;
  dataset: { name: string; digest: string } | null;
};

/** A run by its id (32 lower-case hexadecimal digits), with the experiment that it belongs to. */
export type RunOfMetrics = { run: string; experiment: string };

/** A page of a metric's history, by timestamp, step and value; `next` is the token of the page that follows. */
export type MetricHistory = { points: MetricPoint[]; next: string | null };

/** As in mlflow/utils/validation.py. */
const mostPoints = 1000;
const longestKey = 250;
/** What Python's `\w` is, which knows letters and digits of every script. */
const keyForm = /^[/\p{L}\p{N}_.\- :]+$/u;
const runForm = /^[0-9a-f]{32}$/;

export const isRunId = (run: string): boolean => runForm.test(run);

const refuse = (message: string): never => {
  throw new MillraceError("BAD_REQUEST", message);
};

const checkKey = (key: string, name: string): void => {
  const { length } = [...key];
  if (length > longestKey) refuse(`${name}: of ${length} characters; at most ${longestKey} are allowed`);
  if (!keyForm.test(key)) {
    refuse(`${name}: "${key}" may hold only letters, digits, _ - . : / and spaces, and at least one`);
  }
  const path = posix.normalize(key);
  if (path !== key || path === "." || path.startsWith("..") || path.startsWith("/")) {
    refuse(`${name}: "${key}" is no plain path; write "${path.replace(/^[./]+/, "")}"`);
  }
};

/** The record of a call. BAD_REQUEST names the point that is refused. */
export const metricBatch = (of: RunOfMetrics, points: readonly MetricPoint[]): MetricBatchRecord => {
  if (!isRunId(of.run)) refuse(`run_id: "${of.run}" is no run: 32 lower-case hexadecimal digits`);
  if (points.length > mostPoints) refuse(`metrics: ${points.length} in a batch; at most ${mostPoints} are allowed`);
  return {
    ...of,
    points: points.map(({ key, value, timestamp, step, model = "", dataset }, i) => {
      checkKey(key, `metrics[${i}].key`);
      if (typeof value !== "number") refuse(`metrics[${i}].value: ${preview(value)} is no number`);
      if (!isLong(timestamp) || timestamp < 0) {
        refuse(`metrics[${i}].timestamp: ${timestamp} is no time in milliseconds since 1970`);
      }
      if (!isLong(step)) refuse(`metrics[${i}].step: ${step} is no whole number from -2^52 to 2^53`);
      return { key, value, timestamp, step, model, dataset: dataset?.name ?? "", digest: dataset?.digest ?? "" };
    }),
  };
};
