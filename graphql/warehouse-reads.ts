import type { warehouseReads } from "../projections/clickhouse/read/index.ts";

export type {
  AuditRow,
  DeadLetterRow,
  FeatureValueRow,
  LiveMetrics as LiveMetricsRow,
  PredictionStatistics as PredictionStatisticsRow,
} from "../projections/clickhouse/read/index.ts";

/** What the queries ask of the warehouse. Documents as of a moment are asked through `Documents`. */
export type WarehouseReads = Omit<ReturnType<typeof warehouseReads>, "documentsAsOf" | "tiles">;
