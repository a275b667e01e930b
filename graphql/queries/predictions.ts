import { outcomeLog } from "../../projections/outcome-log.ts";
import { predictionLog } from "../../projections/prediction-log.ts";
import { MillraceError } from "../../schemas/errors.ts";
import { builder } from "../builder.ts";
import { allowRead } from "../context.ts";
import { Variant } from "../enums.ts";
import { Prediction } from "../types/prediction.ts";
import type { LiveMetricsRow, PredictionStatisticsRow } from "../warehouse-reads.ts";
import { connection, toConnection } from "./connection.ts";
import { pageArguments, pagedQuery } from "./paging.ts";
import { given, WAREHOUSE_COST } from "./warehouse.ts";

const checkBucket = (bucketMs: number): void => {
  if (bucketMs < 1) throw new MillraceError("BAD_REQUEST", `bucketMs: expected at least 1, got ${bucketMs}`);
};

const PredictionPage = connection(Prediction);

const Statistics = builder.objectRef<PredictionStatisticsRow>("PredictionStatistics").implement({
  description: "One model version's predictions in one bucket of event time.",
  fields: (t) => ({
    model: t.exposeString("model"),
    version: t.exposeInt("version"),
    variant: t.exposeString("variant"),
    bucket: t.expose("bucket", { type: "DateTime", description: "Start of the bucket." }),
    predictions: t.expose("predictions", { type: "Long" }),
    notFinite: t.expose("notFinite", {
      type: "Long",
      description: "How many of them answered NaN or an infinity; mean and extremes are of the others.",
    }),
    outcomes: t.expose("outcomes", { type: "Long", description: "How many of them have met their outcome." }),
    meanOutput: t.exposeFloat("meanOutput", { nullable: true, description: "null where no output is finite." }),
    minOutput: t.exposeFloat("minOutput", { nullable: true }),
    maxOutput: t.exposeFloat("maxOutput", { nullable: true }),
    p50LatencyMs: t.exposeFloat("p50LatencyMs"),
    p99LatencyMs: t.exposeFloat("p99LatencyMs"),
  }),
});

const scores = ["accuracy", "precision", "recall", "f1", "auc", "logLoss", "brier", "rmse", "mae"] as const;

const LiveMetrics = builder.objectRef<LiveMetricsRow>("LiveMetrics").implement({
  description: "How a model version does against the outcomes that came. null where a score does not apply.",
  fields: (t) => ({
    model: t.exposeString("model"),
    version: t.exposeInt("version"),
    variant: t.exposeString("variant"),
    bucket: t.expose("bucket", { type: "DateTime", nullable: true, description: "null for the whole range." }),
    count: t.expose("count", { type: "Long", description: "Predictions that met their outcome." }),
    notFinite: t.expose("notFinite", {
      type: "Long",
      description: "Of these, where output or outcome is NaN or infinite; what follows is of the others.",
    }),
    positives: t.expose("positives", { type: "Long" }),
    meanOutput: t.exposeFloat("meanOutput", { nullable: true }),
    meanOutcome: t.exposeFloat("meanOutcome", { nullable: true }),
    ...Object.fromEntries(scores.map((score) => [score, t.exposeFloat(score, { nullable: true })])),
  }),
});

builder.queryFields((t) => ({
  prediction: t.field({
    type: Prediction,
    nullable: true,
    extensions: { cost: WAREHOUSE_COST },
    args: { project: t.arg.string({ required: true }), id: t.arg.id({ required: true }) },
    resolve: async (_, { project, id }, context) => {
      await allowRead(context, "prediction", project);
      const { broker, warehouse } = context.deps;
      const logged = await predictionLog(broker).find(project, id);
      if (logged === null) return warehouse.predictionById(project, id);
      const find = async () => {
        const found = await outcomeLog(broker).find(project, logged);
        if (found === "unknown") return warehouse.outcomeOf(project, logged.place);
        return found === "none" ? null : found;
      };
      let asked: ReturnType<typeof find> | null = null;
      const met = () => {
        asked ??= find();
        return asked;
      };
      return { ...logged, outcome: null, outcomeAt: null, met };
    },
  }),
  predictions: t.field({
    type: PredictionPage,
    extensions: { cost: WAREHOUSE_COST },
    args: {
      project: t.arg.string({ required: true }),
      endpoint: t.arg.string({ required: true }),
      from: t.arg({ type: "DateTime", description: "Event time, inclusive." }),
      to: t.arg({ type: "DateTime", description: "Event time, exclusive." }),
      entity: t.arg.string(),
      key: t.arg.string(),
      model: t.arg.string(),
      version: t.arg.int(),
      variant: t.arg({ type: Variant }),
      ...pageArguments(t),
    },
    resolve: async (_, { project, ...filter }, context) => {
      await allowRead(context, "predictions", project);
      const { page, query } = pagedQuery(filter);
      const found = await context.deps.warehouse.predictions(project, { ...query, endpoint: filter.endpoint });
      return toConnection(found, page);
    },
  }),
  predictionStatistics: t.field({
    type: [Statistics],
    extensions: { cost: WAREHOUSE_COST },
    args: {
      project: t.arg.string({ required: true }),
      endpoint: t.arg.string({ required: true }),
      from: t.arg({ type: "DateTime" }),
      to: t.arg({ type: "DateTime" }),
      bucketMs: t.arg({ type: "Long", required: true }),
    },
    resolve: async (_, { project, ...range }, context) => {
      await allowRead(context, "predictionStatistics", project);
      const { endpoint, bucketMs } = range;
      checkBucket(bucketMs);
      return context.deps.warehouse.predictionStatistics(project, { ...given(range), endpoint, bucketMs });
    },
  }),
  liveMetrics: t.field({
    type: [LiveMetrics],
    extensions: { cost: WAREHOUSE_COST },
    args: {
      project: t.arg.string({ required: true }),
      endpoint: t.arg.string({ required: true }),
      from: t.arg({ type: "DateTime" }),
      to: t.arg({ type: "DateTime" }),
      bucketMs: t.arg({ type: "Long", description: "One row for the whole range without it." }),
    },
    resolve: async (_, { project, ...range }, context) => {
      if (range.bucketMs != null) checkBucket(range.bucketMs);
      await allowRead(context, "liveMetrics", project);
      const deployment = await context.deps.documents.get("deployments", project, range.endpoint);
      const threshold = deployment?.threshold;
      return context.deps.warehouse.liveMetrics(project, { ...given(range), endpoint: range.endpoint, threshold });
    },
  }),
}));
