import { z } from "zod";
import {
  count,
  digest,
  duration,
  expression,
  featureName,
  fieldName,
  instant,
  modelName,
  name,
  recordOf,
  slug,
  statement,
  text,
  version,
} from "./fields.ts";
import { runId } from "./tracking.ts";

/** Zod shapes of the definitions in `schemas/lifecycle/`: what a caller may leave out has its default here. */
export const role = z.enum(["Admin", "Data_Scientist", "Regular_User"]);

export const task = z.enum(["binary", "regression"]);

const feature = z.strictObject({
  name: featureName,
  source: slug,
  function: z.enum(["count", "sum", "mean", "min", "max", "variance", "last", "distinct", "quantile", "rate"]),
  value: expression.optional(),
  where: expression.optional(),
  windowMs: duration.nullable(),
  quantile: z.number().gt(0).lt(1).optional(),
});

export const featureViewDefinition = z.strictObject({
  entity: z.strictObject({ name, key: z.array(fieldName).min(1).max(10) }),
  features: z.array(feature).min(1).max(200),
  allowedLatenessMs: duration.or(z.literal(0)).default(0),
  ttlMs: duration.nullable().default(null),
});

export const column = z.strictObject({ name: z.string().trim().min(1).max(128), from: expression });

export const columns = z.array(column).min(1).max(1000);

export const trafficSplit = z
  .array(
    z.strictObject({
      model: modelName,
      version,
      variant: z.enum(["champion", "challenger", "shadow"]),
      share: z.number().min(0).max(1),
    }),
  )
  .min(1)
  .max(16);

export const outcomeDefinition = z.strictObject({
  source: slug,
  key: z.array(fieldName).min(1).max(10),
  value: expression,
  horizonMs: duration,
});

export const metrics = recordOf(z.string().min(1).max(128), z.number(), 500, "metrics");

export const lineage = z.strictObject({
  trainingJob: slug.nullable().default(null),
  from: instant.nullable().default(null),
  to: instant.nullable().default(null),
  rows: count.nullable().default(null),
  sources: z.array(slug).max(100).default([]),
  views: z
    .array(z.strictObject({ view: slug, version }))
    .max(100)
    .default([]),
  positions: recordOf(z.string().max(300), count, 10_000, "positions").default({}),
  code: text.nullable().default(null),
  run: runId.nullable().default(null),
  datasets: z
    .array(z.strictObject({ dataset: slug, version }))
    .max(100)
    .default([]),
});

const roles = z.array(role).min(1).max(3);

export const stage = z.enum(["None", "Staging", "Production", "Archived"]);

export const guardedStage = z.enum(["Staging", "Production"]);

export const policy = z.strictObject({
  stage: guardedStage,
  approvals: z.int().min(0).max(100).default(1),
  roles: roles.default(["Admin", "Data_Scientist"]),
  fourEyes: z.boolean().default(true),
  gate: expression.nullable().default(null),
  lineage: z
    .array(z.enum(["run", "dataset", "training-job", "code"]))
    .max(4)
    .default([]),
});

export const artifact = digest;

const HOUR_MS = 3_600_000;

const driftMonitor = z.strictObject({
  kind: z.literal("drift"),
  deployment: slug,
  statistic: z.enum(["psi", "js", "ks", "wasserstein"]).default("psi"),
  threshold: z.number().positive().default(0.2),
  columns: z.array(z.string().min(1).max(128)).max(1000).default([]),
  windowMs: duration
    .refine((value) => value % HOUR_MS === 0, "expected a multiple of 3600000, the tile of one hour")
    .default(24 * HOUR_MS),
  minRows: z.int().positive().default(500),
});

/** Defaults of Page-Hinkley are River's. */
const errorMonitor = z.strictObject({
  kind: z.literal("error"),
  deployment: slug,
  minInstances: z.int().positive().default(30),
  delta: z.number().min(0).default(0.005),
  lambda: z.number().positive().default(50),
  alpha: z.number().gt(0).max(1).default(0.9999),
});

export const monitorDefinition = z.discriminatedUnion("kind", [driftMonitor, errorMonitor]);

export const alertDefinition = z.strictObject({
  monitor: slug,
  deployment: slug,
  model: modelName,
  version,
  column: z.string().min(1).max(128),
  statistic: z.string().min(1).max(64),
  value: z.number(),
  threshold: z.number(),
  from: instant,
  to: instant,
  rows: count,
  message: statement,
});

const boostingParameters = z.strictObject({
  trees: z.int().min(1).max(10_000).default(100),
  learningRate: z.number().gt(0).max(1).default(0.1),
  maxLeaves: z.int().min(2).max(4096).default(31),
  maxDepth: z.int().min(1).max(32).default(6),
  minLeafRows: z.int().min(1).default(20),
  l2: z.number().min(0).default(1),
  bins: z.int().min(2).max(255).default(255),
  validationShare: z.number().gt(0).lt(1).default(0.1),
  earlyStoppingRounds: z.int().min(0).default(0),
  seed: z.int().min(0).max(0xffff_ffff).default(1),
});

export const trainingSpec = z
  .strictObject({
    model: modelName,
    task,
    trigger: slug,
    columns,
    label: outcomeDefinition,
    from: instant,
    to: instant,
    algorithm: z.literal("gradient-boosting").default("gradient-boosting"),
    parameters: boostingParameters.prefault({}),
    evaluation: z.strictObject({ from: instant, to: instant }).nullable().optional(),
  })
  .refine((spec) => spec.from < spec.to, { path: ["to"], message: "expected a moment after `from`" });
