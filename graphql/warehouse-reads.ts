import type { DriftNode } from "./types/drift.ts";
import type { PredictionNode } from "./types/prediction.ts";

/** What the queries ask of the warehouse. `projections/clickhouse/read` answers it; times are UTC milliseconds. */
export type WarehouseReads = {
  predictionById(project: string, id: string): Promise<PredictionRow | null>;
  predictions(project: string, filter: PredictionQuery): Promise<WarehousePage<PredictionRow>>;
  predictionStatistics(
    project: string,
    range: { endpoint: string; from: number; to: number; bucketMs: number },
  ): Promise<StatisticsRow[]>;
  liveMetrics(
    project: string,
    range: { endpoint: string; from?: number; to?: number; bucketMs?: number },
  ): Promise<MetricsRow[]>;
  driftResults(
    project: string,
    filter: Paging & {
      endpoint?: string;
      monitor?: string;
      column?: string;
      drifted?: boolean;
      from?: number;
      to?: number;
    },
  ): Promise<WarehousePage<DriftNode>>;
  featureHistory(
    project: string,
    filter: Paging & { view: string; entity: string; from?: number; to?: number },
  ): Promise<WarehousePage<FeatureRow>>;
  audit(
    project: string,
    filter: Paging & { stream?: string; actor?: string; type?: string; from?: number; to?: number },
  ): Promise<WarehousePage<AuditRow>>;
  deadLetters(
    project: string,
    filter: Paging & { stage?: string; code?: string; topic?: string; from?: number; to?: number },
  ): Promise<WarehousePage<DeadLetterRow>>;
};

export type Paging = { first: number; after?: string };

export type WarehousePage<T> = { items: { cursor: string; node: T }[]; hasNext: boolean };

export type PredictionRow = PredictionNode;

export type PredictionQuery = Paging & {
  endpoint: string;
  from?: number;
  to?: number;
  entity?: string;
  model?: string;
  version?: number;
  variant?: string;
  key?: string;
  reverse?: boolean;
};

export type StatisticsRow = {
  model: string;
  version: number;
  variant: string;
  bucket: number;
  predictions: number;
  meanOutput: number | null;
  p50LatencyMs: number | null;
  p99LatencyMs: number | null;
  outcomes: number;
};

export type Scores = Record<
  "accuracy" | "precision" | "recall" | "f1" | "auc" | "logLoss" | "brier" | "rmse" | "mae",
  number | null
>;

export type MetricsRow = Scores & {
  model: string;
  version: number;
  variant: string;
  bucket: number | null;
  count: number;
};

export type FeatureRow = { view: string; version: number; entity: string; at: number; values: (number | null)[] };

export type AuditRow = {
  position: string;
  stream: string;
  revision: number;
  type: string;
  actor: string;
  at: number;
  correlation: string;
  causation: string;
  data: string;
  reason: string;
};

export type DeadLetterRow = {
  stage: string;
  code: string;
  message: string;
  topic: string;
  partition: number;
  offset: number;
  schemaId: number | null;
  key: string | null;
  value: string | null;
  timestamp: number;
  failedAt: number;
};
