import type { TrainingJobDocument } from "../../projections/documents/types.ts";
import type { BoostingParameters as Parameters, TrainingSpec as Spec } from "../../schemas/lifecycle/training-job.ts";
import { builder } from "../builder.ts";
import { Task } from "../enums.ts";
import { Document, documentNode } from "./base.ts";
import { Column, Outcome } from "./deployment.ts";

const BoostingParameters = builder.objectRef<Parameters>("BoostingParameters").implement({
  fields: (t) => ({
    trees: t.exposeInt("trees"),
    learningRate: t.exposeFloat("learningRate"),
    maxLeaves: t.exposeInt("maxLeaves"),
    maxDepth: t.exposeInt("maxDepth"),
    minLeafRows: t.expose("minLeafRows", { type: "Long" }),
    l2: t.exposeFloat("l2"),
    bins: t.exposeInt("bins"),
    validationShare: t.exposeFloat("validationShare"),
    earlyStoppingRounds: t.expose("earlyStoppingRounds", { type: "Long" }),
    seed: t.expose("seed", { type: "Long" }),
  }),
});

const TrainingSpec = builder.objectRef<Spec>("TrainingSpec").implement({
  fields: (t) => ({
    model: t.exposeString("model"),
    task: t.expose("task", { type: Task }),
    trigger: t.exposeString("trigger"),
    columns: t.expose("columns", { type: [Column] }),
    label: t.expose("label", { type: Outcome }),
    from: t.expose("from", { type: "DateTime" }),
    to: t.expose("to", { type: "DateTime" }),
    algorithm: t.exposeString("algorithm"),
    parameters: t.expose("parameters", { type: BoostingParameters }),
  }),
});

export const TrainingProgress = builder.objectRef<TrainingJobDocument["progress"]>("TrainingProgress").implement({
  fields: (t) => ({
    phase: t.exposeString("phase"),
    done: t.expose("done", { type: "Long" }),
    total: t.expose("total", { type: "Long" }),
    message: t.exposeString("message"),
  }),
});

const TrainingResult = builder.objectRef<NonNullable<TrainingJobDocument["result"]>>("TrainingResult").implement({
  fields: (t) => ({
    version: t.exposeInt("version"),
    rows: t.expose("rows", { type: "Long" }),
    metrics: t.expose("metrics", { type: "NumberMap" }),
  }),
});

const TrainingError = builder.objectRef<NonNullable<TrainingJobDocument["error"]>>("TrainingError").implement({
  fields: (t) => ({ code: t.exposeString("code"), message: t.exposeString("message") }),
});

export const TrainingJob = builder.objectRef<TrainingJobDocument>("TrainingJob");

documentNode(TrainingJob);
TrainingJob.implement({
  interfaces: [Document, builder.nodeInterfaceRef()],
  fields: (t) => ({
    spec: t.expose("spec", { type: TrainingSpec }),
    status: t.exposeString("status", { description: "submitted, running, completed, failed or cancelled" }),
    attempt: t.exposeInt("attempt"),
    progress: t.expose("progress", { type: TrainingProgress }),
    result: t.expose("result", { type: TrainingResult, nullable: true }),
    error: t.expose("error", { type: TrainingError, nullable: true }),
  }),
});
