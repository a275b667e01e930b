import { auc, brier, decisions, logLoss } from "../ml/metrics/classification.ts";
import { mae, r2, rmse } from "../ml/metrics/regression.ts";
import type { Task } from "../schemas/lifecycle/model.ts";

const THRESHOLD = 0.5;

/** Metrics of a model on rows that it has not learned from; a figure that they do not give is left out. */
export const evaluate = (task: Task, outputs: Float32Array, labels: Float32Array): Record<string, number> => {
  const metrics: Record<string, number> =
    task === "binary"
      ? {
          auc: auc(outputs, labels),
          logLoss: logLoss(outputs, labels),
          brier: brier(outputs, labels),
          ...decisions(outputs, labels, THRESHOLD),
        }
      : { rmse: rmse(outputs, labels), mae: mae(outputs, labels), r2: r2(outputs, labels) };
  return Object.fromEntries(Object.entries(metrics).filter(([, value]) => Number.isFinite(value)));
};
