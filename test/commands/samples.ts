import type { LoadedDataset } from "../../commands/checks.ts";
import type { NewModelVersion } from "../../commands/model/state.ts";
import type { PayloadInput } from "../../commands/payloads.ts";
import type { AlertDefinition } from "../../schemas/lifecycle/alert.ts";
import type { DeploymentDefinition } from "../../schemas/lifecycle/deployment.ts";
import type { EventSourceDefinition } from "../../schemas/lifecycle/event-source.ts";
import type { FeatureViewDefinition } from "../../schemas/lifecycle/feature-view.ts";
import type { MonitorDefinition } from "../../schemas/lifecycle/monitor.ts";
import type { TrainingSpec } from "../../schemas/lifecycle/training-job.ts";

/** A small shop of valid definitions. */
const HOUR = 3_600_000;

const record = (name: string, fields: [string, unknown][]): string =>
  JSON.stringify({ type: "record", name, fields: fields.map(([field, type]) => ({ name: field, type })) });

export const orderSchema = record("Order", [
  ["customer", "string"],
  ["order", "string"],
  ["at", "long"],
  ["amount", "double"],
]);

export const paymentSchema = record("Payment", [
  ["customer", "string"],
  ["order", "string"],
  ["at", { type: "long", logicalType: "timestamp-millis" }],
  ["paid", "boolean"],
]);

export const orders: EventSourceDefinition = {
  topic: "orders",
  schema: orderSchema,
  schemaId: 1,
  key: "customer",
  timestamp: "at",
  partitions: 2,
  maxRecordBytes: 1_048_576,
  retentionMs: null,
};

export const createOrders: PayloadInput<"CreateEventSource"> = {
  id: "orders",
  topic: "orders",
  schema: orderSchema,
  key: "customer",
  timestamp: "at",
  partitions: 2,
};

export const createPayments: PayloadInput<"CreateEventSource"> = {
  ...createOrders,
  id: "payments",
  topic: "payments",
  schema: paymentSchema,
};

export const spending: FeatureViewDefinition = {
  entity: { name: "customer", key: ["customer"] },
  features: [
    { name: "orders_1h", source: "orders", function: "count", windowMs: HOUR },
    { name: "amount_1d", source: "orders", function: "sum", value: "event.amount", windowMs: 24 * HOUR },
  ],
  allowedLatenessMs: 0,
  ttlMs: null,
};

export const artifact = "a".repeat(64);
export const otherArtifact = "b".repeat(64);

export const columns = [
  { name: "amount", from: "event.amount" },
  { name: "orders_1h", from: "spending:orders_1h" },
];

export const version: NewModelVersion = {
  format: "onnx",
  artifact,
  size: 1000,
  signature: {
    inputs: [{ name: "input", type: "float32", shape: [-1, 2] }],
    outputs: [{ name: "output", type: "float32", shape: [-1, 1] }],
  },
  output: "output",
  outputIndex: 0,
  task: "binary",
  columns: ["amount", "orders_1h"],
  metrics: { auc: 0.8 },
  profile: null,
  lineage: {
    trainingJob: null,
    from: null,
    to: null,
    rows: null,
    sources: [],
    views: [],
    positions: {},
    code: null,
    run: null,
    datasets: [],
  },
  source: null,
  run: null,
};

/** What is in a small file. */
export const loaded: LoadedDataset = {
  size: 12,
  rows: 2,
  schema: [{ name: "amount", type: "Int64" }],
  profile: otherArtifact,
};

export const payment: DeploymentDefinition = {
  trigger: "orders",
  columns,
  split: [{ model: "payer", version: 1, variant: "champion", share: 1 }],
  outcome: { source: "payments", key: ["order"], value: "event.paid", horizonMs: 24 * HOUR },
  threshold: 0.5,
};

export const drift: Extract<MonitorDefinition, { kind: "drift" }> = {
  kind: "drift",
  deployment: "payment",
  statistic: "psi",
  threshold: 0.2,
  columns: [],
  windowMs: 24 * HOUR,
  minRows: 500,
};

export const finding: AlertDefinition = {
  monitor: "drift",
  deployment: "payment",
  model: "payer",
  version: 1,
  column: "amount",
  statistic: "psi",
  value: 0.4,
  threshold: 0.2,
  from: 0,
  to: 24 * HOUR,
  rows: 1000,
  message: "psi of amount is 0.4",
};

export const training: TrainingSpec = {
  model: "payer",
  task: "binary",
  trigger: "orders",
  columns,
  label: { source: "payments", key: ["order"], value: "event.paid", horizonMs: 24 * HOUR },
  from: 0,
  to: 1000,
  algorithm: "gradient-boosting",
  parameters: {
    trees: 10,
    learningRate: 0.1,
    maxLeaves: 31,
    maxDepth: 6,
    minLeafRows: 20,
    l2: 1,
    bins: 255,
    validationShare: 0.1,
    earlyStoppingRounds: 0,
    seed: 1,
  },
};
