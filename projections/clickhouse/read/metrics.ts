import type { Warehouse } from "../../../infra/warehouse/open.ts";
import { ask, conditions, within } from "./ask.ts";

export type PredictionStatistics = {
  model: string;
  version: number;
  variant: string;
  /** Start of the bucket of event time, UTC milliseconds. */
  bucket: number;
  predictions: number;
  /** Predictions whose output is NaN or infinite: of the others are mean and extremes, null where there are none. */
  notFinite: number;
  outcomes: number;
  meanOutput: number | null;
  minOutput: number | null;
  maxOutput: number | null;
  p50LatencyMs: number;
  p99LatencyMs: number;
};

export type LiveMetrics = {
  model: string;
  version: number;
  variant: string;
  /** Start of the bucket of the predictions' event time; null when the whole range is one. */
  bucket: number | null;
  /** Predictions that met their outcome. */
  count: number;
  /** Of these, where the output or the outcome is NaN or infinite; everything below is of the others. */
  notFinite: number;
  positives: number;
  meanOutput: number | null;
  meanOutcome: number | null;
  /** Of a binary task at the threshold; null where its denominator is 0. */
  accuracy: number | null;
  precision: number | null;
  recall: number | null;
  f1: number | null;
  /** Area under the ROC curve, ties counted half; null where there is one class only. */
  auc: number | null;
  /** Natural logarithm, probabilities kept 1e-15 from 0 and 1. */
  logLoss: number | null;
  brier: number | null;
  rmse: number | null;
  mae: number | null;
};

const bucketOf = (column: string): string =>
  `intDiv(toUnixTimestamp64Milli(${column}), {bucketMs:Int64}) * {bucketMs:Int64}`;

export const metricReads = (warehouse: Warehouse) => ({
  /** What was served, by version, variant and bucket of event time. */
  predictionStatistics(
    project: string,
    options: { endpoint: string; from?: number; to?: number; bucketMs: number },
  ): Promise<PredictionStatistics[]> {
    const these = conditions()
      .add("project = {project:String}", "project", project)
      .add("endpoint = {endpoint:String}", "endpoint", options.endpoint);
    const served = within(these, "event_time", options).sql;
    const met = served.replaceAll("event_time", "predicted_at");
    return ask(
      warehouse,
      `SELECT model, version, variant, bucket, predictions, notFinite, outcomes, meanOutput, minOutput, maxOutput,
         p50LatencyMs, p99LatencyMs
       FROM (
         SELECT model, version, variant, ${bucketOf("event_time")} AS bucket, count() AS predictions,
           countIf(NOT isFinite(output)) AS notFinite, avgIf(output, isFinite(output)) AS meanOutput,
           if(notFinite = predictions, NULL, minIf(output, isFinite(output))) AS minOutput,
           if(notFinite = predictions, NULL, maxIf(output, isFinite(output))) AS maxOutput,
           quantile(0.5)(latency_ms) AS p50LatencyMs, quantile(0.99)(latency_ms) AS p99LatencyMs
         FROM predictions WHERE ${served} GROUP BY model, version, variant, bucket
       ) AS p
       LEFT JOIN (
         SELECT model, version, variant, ${bucketOf("predicted_at")} AS bucket, count() AS outcomes
         FROM outcomes WHERE ${met} GROUP BY model, version, variant, bucket
       ) AS o USING (model, version, variant, bucket)
       ORDER BY bucket, model, version, variant`,
      { ...these.parameters, bucketMs: options.bucketMs },
    );
  },

  /** How right it was, over the predictions that met their outcome. */
  async liveMetrics(
    project: string,
    options: {
      endpoint: string;
      from?: number;
      to?: number;
      /** One bucket for the whole range without it. */
      bucketMs?: number;
      /** A binary prediction at or above it is positive; 0.5 without it. */
      threshold?: number;
    },
  ): Promise<LiveMetrics[]> {
    const these = conditions()
      .add("project = {project:String}", "project", project)
      .add("endpoint = {endpoint:String}", "endpoint", options.endpoint);
    within(these, "predicted_at", options);
    const bucket = options.bucketMs === undefined ? "NULL" : bucketOf("predicted_at");
    return ask(
      warehouse,
      `WITH
         isFinite(output) AND isFinite(outcome) AS known,
         outcome >= 0.5 AS positive,
         output >= {threshold:Float64} AS claimed,
         least(greatest(output, 1e-15), 1 - 1e-15) AS p,
         countIf(known) AS judged,
         countIf(known AND claimed AND positive) AS tp,
         countIf(known AND claimed) AS claims,
         countIf(known AND positive) AS actual
       SELECT model, version, variant, ${bucket} AS bucket, count() AS count, count() - judged AS notFinite,
         actual AS positives, avgIf(output, known) AS meanOutput, avgIf(outcome, known) AS meanOutcome,
         if(judged = 0, NULL, countIf(known AND claimed = positive) / judged) AS accuracy,
         if(claims = 0, NULL, tp / claims) AS precision,
         if(actual = 0, NULL, tp / actual) AS recall,
         if(claims + actual = 0, NULL, 2 * tp / (claims + actual)) AS f1,
         if(actual = 0 OR actual = judged, NULL,
           arrayROCAUC(groupArrayIf(output, known), groupArrayIf(positive, known))) AS auc,
         if(countIf(known AND (output < 0 OR output > 1)) > 0, NULL,
           -avgIf(if(positive, log(p), log(1 - p)), known)) AS logLoss,
         avgIf(pow(output - outcome, 2), known) AS brier,
         sqrt(avgIf(pow(output - outcome, 2), known)) AS rmse,
         avgIf(abs(output - outcome), known) AS mae
       FROM outcomes WHERE ${these.sql}
       GROUP BY model, version, variant, bucket ORDER BY bucket, model, version, variant`,
      {
        ...these.parameters,
        threshold: options.threshold ?? 0.5,
        ...(options.bucketMs === undefined ? {} : { bucketMs: options.bucketMs }),
      },
    );
  },
});
