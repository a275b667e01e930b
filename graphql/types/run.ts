import type { LoggedModelDocument, RunDocument } from "../../projections/documents/types.ts";
import type { RunDataset as Dataset, RunOutput as Output } from "../../schemas/lifecycle/run.ts";
import { builder } from "../builder.ts";
import { RunStatus } from "../enums.ts";
import { pageSize } from "../limits/page-size.ts";
import { WAREHOUSE_COST } from "../queries/warehouse.ts";
import { Document, documentNode } from "./base.ts";
import { latestMetricsOf, RunMetric, RunMetricHistory } from "./run-metrics.ts";

const RunDataset = builder.objectRef<Dataset>("RunDataset").implement({
  description: "A dataset as a run names it, known by name and digest.",
  fields: (t) => ({
    name: t.exposeString("name"),
    digest: t.exposeString("digest"),
    sourceType: t.exposeString("sourceType"),
    source: t.exposeString("source"),
    schema: t.exposeString("schema", { nullable: true }),
    profile: t.exposeString("profile", { nullable: true }),
    tags: t.expose("tags", { type: "StringMap" }),
  }),
});

const RunInputs = builder.objectRef<RunDocument["inputs"]>("RunInputs").implement({
  fields: (t) => ({
    datasets: t.expose("datasets", { type: [RunDataset] }),
    models: t.exposeStringList("models", { description: "Ids of logged models." }),
  }),
});

const RunOutput = builder.objectRef<Output>("RunOutput").implement({
  fields: (t) => ({
    model: t.exposeString("model", { description: "Id of a logged model." }),
    step: t.expose("step", { type: "Long" }),
  }),
});

export const Run = builder.objectRef<RunDocument>("Run");

documentNode(Run);
Run.implement({
  description: "One execution of an experiment: its parameters never change, its tags may.",
  interfaces: [Document, builder.nodeInterfaceRef()],
  fields: (t) => ({
    experiment: t.exposeString("experiment"),
    name: t.exposeString("name"),
    user: t.exposeString("user"),
    status: t.expose("status", { type: RunStatus }),
    startTime: t.expose("startTime", { type: "DateTime" }),
    endTime: t.expose("endTime", { type: "DateTime", nullable: true }),
    params: t.expose("params", { type: "StringMap" }),
    tags: t.expose("tags", { type: "StringMap" }),
    inputs: t.expose("inputs", { type: RunInputs }),
    outputs: t.expose("outputs", { type: [RunOutput] }),
    lifecycle: t.exposeString("lifecycle", { description: "active or deleted" }),
    metrics: t.field({
      type: [RunMetric],
      description: "The latest point of each metric, by key; as of now, whatever moment the run is read as of.",
      resolve: (run, _, { deps }) => latestMetricsOf(deps.tracking, run),
    }),
    metricHistory: t.field({
      type: RunMetricHistory,
      extensions: { cost: WAREHOUSE_COST },
      args: {
        key: t.arg.string({ required: true }),
        first: t.arg.int({ defaultValue: 20 }),
        after: t.arg.string({ description: "An `endCursor`." }),
      },
      resolve: ({ project, id }, { key, first, after }, { deps }) =>
        deps.tracking.metricHistory(project, id, key, { first: pageSize(first), after: after ?? undefined }),
    }),
  }),
});

export const LoggedModel = builder.objectRef<LoggedModelDocument>("LoggedModel");

documentNode(LoggedModel);
LoggedModel.implement({
  description: "A model that a run has logged; it is not registered by that.",
  interfaces: [Document, builder.nodeInterfaceRef()],
  fields: (t) => ({
    experiment: t.exposeString("experiment"),
    name: t.exposeString("name"),
    run: t.exposeString("run", { nullable: true, description: "The run that logged it." }),
    modelType: t.exposeString("modelType", { nullable: true }),
    params: t.expose("params", { type: "StringMap" }),
    tags: t.expose("tags", { type: "StringMap" }),
    status: t.exposeString("status", { description: "PENDING, READY or UPLOAD_FAILED" }),
    lifecycle: t.exposeString("lifecycle", { description: "active or deleted" }),
  }),
});
