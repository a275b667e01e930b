import type { Warehouse } from "../../../infra/warehouse/open.ts";
import { documentsAsOf } from "./documents-as-of.ts";
import { driftReads } from "./drift.ts";
import { historyReads } from "./history.ts";
import { metricReads } from "./metrics.ts";
import { predictionReads } from "./predictions.ts";

export type { AuditRow, DeadLetterRow, FeatureValueRow } from "./history.ts";
export type { LiveMetrics, PredictionStatistics } from "./metrics.ts";

/** Every question that the platform asks its warehouse. WAREHOUSE_FAILED where it cannot answer. */
export const warehouseReads = (warehouse: Warehouse) => ({
  ...predictionReads(warehouse),
  ...metricReads(warehouse),
  ...driftReads(warehouse),
  ...historyReads(warehouse),
  documentsAsOf: documentsAsOf(warehouse),
});
