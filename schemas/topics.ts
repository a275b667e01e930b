/**
 * The platform's own topics: their names and Avro schemas. Partition p of a deployment's topics holds what
 * partition p of its trigger topic led to.
 */
export const topicOf = {
  predictions: (project: string, endpoint: string) => `${project}.${endpoint}.predictions`,
  outcomes: (project: string, endpoint: string) => `${project}.${endpoint}.outcomes`,
  /** Compacted: the newest sketch by endpoint, version, tile and partition. */
  tiles: (project: string) => `${project}.tiles`,
  drift: (project: string) => `${project}.drift`,
  deadLetters: (project: string) => `${project}.dead-letters`,
  /** Points of runs' metrics, by run. */
  metrics: (project: string) => `${project}.metrics`,
  /** Compacted: state of an application's tasks. */
  changelog: (application: string) => `${application}.changelog`,
  /** Which records a task took, in which order: the proof behind every feature. */
  journal: (application: string) => `${application}.journal`,
  rekey: (project: string, view: string) => `${project}.${view}.rekey`,
};

const millis = { type: "long", logicalType: "timestamp-millis" } as const;

export const predictionSchema = {
  type: "record",
  name: "Prediction",
  namespace: "millrace",
  doc: "One answer of one model version. A pure function of its input but for servedAt and latencyMs.",
  fields: [
    {
      name: "id",
      type: "string",
      doc: "<endpoint>-<partition>-<offset of the trigger>; a shadow adds -<model>.<version>",
    },
    { name: "endpoint", type: "string" },
    { name: "revision", type: "int", doc: "Deployment revision that routed it" },
    { name: "model", type: "string" },
    { name: "version", type: "int" },
    { name: "variant", type: "string" },
    { name: "share", type: "double", doc: "Split probability of the variant" },
    { name: "entity", type: "string", doc: "Message key" },
    { name: "key", type: "string", doc: "Business key for the outcome join" },
    { name: "eventTime", type: millis },
    { name: "topic", type: "string" },
    { name: "partition", type: "int" },
    { name: "offset", type: "long" },
    {
      name: "positions",
      type: { type: "array", items: "long" },
      doc: "Next offset of each input of the task, in the journal's order of inputs, when the features were read",
    },
    {
      name: "lookups",
      type: {
        type: "array",
        items: {
          type: "record",
          name: "Lookup",
          fields: [
            { name: "view", type: "string" },
            { name: "partition", type: "int" },
            {
              name: "offset",
              type: "long",
              doc: "Offset in the re-keyed topic that the served state reflects; -1 for none",
            },
          ],
        },
      },
    },
    { name: "features", type: { type: "array", items: "float" } },
    { name: "output", type: "double", doc: "Probability of the positive class, or the regressed value" },
    { name: "servedAt", type: millis },
    { name: "latencyMs", type: "double", doc: "From taking the record to having its score" },
    { name: "runtime", type: "string", doc: "ONNX Runtime version, provider, threads" },
    {
      name: "late",
      type: "boolean",
      default: false,
      doc: "Its event came later than a view of its allows: windows may lack events, or hold some after it",
    },
  ],
} as const;

export const outcomeSchema = {
  type: "record",
  name: "Outcome",
  namespace: "millrace",
  doc: "A prediction that met its outcome.",
  fields: [
    { name: "predictionId", type: "string" },
    { name: "endpoint", type: "string" },
    { name: "model", type: "string" },
    { name: "version", type: "int" },
    { name: "variant", type: "string" },
    { name: "entity", type: "string" },
    { name: "key", type: "string" },
    { name: "predictedAt", type: millis, doc: "Event time of the prediction" },
    { name: "outcomeAt", type: millis, doc: "Event time of the outcome" },
    { name: "output", type: "double" },
    { name: "outcome", type: "double" },
    { name: "predictionOffset", type: "long", doc: "Offset of the prediction in its topic, same partition" },
    { name: "topic", type: "string" },
    { name: "partition", type: "int" },
    { name: "offset", type: "long", doc: "Position of the outcome event" },
  ],
} as const;

/** Sketches of one event-time tile, one partition, one version. Merged over partitions by addition. */
export const tileSchema = {
  type: "record",
  name: "Tile",
  namespace: "millrace",
  fields: [
    { name: "kind", type: "string", doc: "drift, metrics or dropped" },
    { name: "endpoint", type: "string" },
    { name: "model", type: "string" },
    { name: "version", type: "int" },
    { name: "partition", type: "int" },
    { name: "from", type: millis },
    { name: "to", type: millis },
    { name: "watermark", type: millis, doc: "Newest event time of the partition's task" },
    { name: "rows", type: "long" },
    { name: "columns", type: { type: "array", items: "string" } },
    { name: "bins", type: { type: "array", items: "int" }, doc: "Bins by column; counts are laid out in that order" },
    { name: "length", type: "int", doc: "How many numbers are in values" },
    {
      name: "values",
      type: "bytes",
      doc: "Numbers packed by schemas/packed.ts: bin counts by column, or a metric tile",
    },
  ],
} as const;

/** What a monitor found in one window for one column. */
export const driftSchema = {
  type: "record",
  name: "DriftResult",
  namespace: "millrace",
  fields: [
    { name: "monitor", type: "string" },
    { name: "endpoint", type: "string" },
    { name: "model", type: "string" },
    { name: "version", type: "int" },
    { name: "column", type: "string" },
    { name: "statistic", type: "string" },
    { name: "value", type: "double" },
    { name: "threshold", type: "double" },
    { name: "drifted", type: "boolean" },
    { name: "from", type: millis },
    { name: "to", type: millis },
    { name: "rows", type: "long" },
  ],
} as const;

export const deadLetterSchema = {
  type: "record",
  name: "DeadLetter",
  namespace: "millrace",
  fields: [
    { name: "stage", type: "string", doc: "decode, features, score or outcome" },
    { name: "code", type: "string" },
    { name: "message", type: "string" },
    { name: "topic", type: "string" },
    { name: "partition", type: "int" },
    { name: "offset", type: "long" },
    { name: "schemaId", type: ["null", "int"] },
    { name: "key", type: ["null", "bytes"] },
    { name: "value", type: ["null", "bytes"] },
    { name: "timestamp", type: millis },
    { name: "failedAt", type: millis },
  ],
} as const;

/** What one call has logged of one run. Sent again it is written again: a point is known by all of its fields. */
export const metricBatchSchema = {
  type: "record",
  name: "MetricBatch",
  namespace: "millrace",
  fields: [
    { name: "run", type: "string", doc: "32 lower-case hexadecimal digits; also the record's key" },
    { name: "experiment", type: "string" },
    {
      name: "points",
      type: {
        type: "array",
        items: {
          type: "record",
          name: "MetricPoint",
          fields: [
            { name: "key", type: "string" },
            { name: "value", type: "double", doc: "May be NaN or infinite" },
            { name: "timestamp", type: millis },
            { name: "step", type: "long" },
            { name: "model", type: "string", doc: "Logged model; empty for none, as the dataset's fields" },
            { name: "dataset", type: "string" },
            { name: "digest", type: "string" },
          ],
        },
      },
    },
  ],
} as const;

/** Sources of a project with the same key and partition count are consumed together by one application. */
export const applicationOf = (project: string, source: { key: string; partitions: number }): string =>
  `${project}.by-${source.key}-${source.partitions}`;

/** Records of the topics as they are decoded. Times are UTC milliseconds. */
export type TileRecord = {
  kind: string;
  endpoint: string;
  model: string;
  version: number;
  partition: number;
  from: number;
  to: number;
  watermark: number;
  rows: number;
  columns: string[];
  bins: number[];
  length: number;
  values: Buffer;
};

export type DriftRecord = {
  monitor: string;
  endpoint: string;
  model: string;
  version: number;
  column: string;
  statistic: string;
  value: number;
  threshold: number;
  drifted: boolean;
  from: number;
  to: number;
  rows: number;
};

export type DeadLetterRecord = {
  stage: string;
  code: string;
  message: string;
  topic: string;
  partition: number;
  offset: number;
  schemaId: number | null;
  key: Buffer | null;
  value: Buffer | null;
  timestamp: number;
  failedAt: number;
};

export type MetricBatchRecord = {
  run: string;
  experiment: string;
  points: {
    key: string;
    value: number;
    timestamp: number;
    step: number;
    model: string;
    dataset: string;
    digest: string;
  }[];
};
