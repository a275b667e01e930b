import type { ApprovalRecord, ModelDocument, ModelVersionDocument } from "../../projections/documents/types.ts";
import type { Lineage, Signature, TensorInfo } from "../../schemas/lifecycle/model.ts";
import { builder } from "../builder.ts";
import { GuardedStage, ModelFormat, Stage, Task } from "../enums.ts";
import { pageSize } from "../limits/page-size.ts";
import { sameMoment, seenAt } from "../moment.ts";
import { Document, documentNode } from "./base.ts";

const Tensor = builder.objectRef<TensorInfo>("TensorInfo").implement({
  fields: (t) => ({
    name: t.exposeString("name"),
    type: t.exposeString("type"),
    shape: t.exposeFloatList("shape", { description: "-1 where dynamic." }),
  }),
});

const ModelSignature = builder.objectRef<Signature>("Signature").implement({
  fields: (t) => ({
    inputs: t.expose("inputs", { type: [Tensor] }),
    outputs: t.expose("outputs", { type: [Tensor] }),
  }),
});

const ViewVersion = builder.objectRef<Lineage["views"][number]>("ViewVersion").implement({
  fields: (t) => ({ view: t.exposeString("view"), version: t.exposeInt("version") }),
});

const DatasetVersionRef = builder.objectRef<Lineage["datasets"][number]>("DatasetVersionRef").implement({
  fields: (t) => ({ dataset: t.exposeString("dataset"), version: t.exposeInt("version") }),
});

const ModelLineage = builder.objectRef<Lineage>("Lineage").implement({
  description: "Where a version came from.",
  fields: (t) => ({
    trainingJob: t.exposeString("trainingJob", { nullable: true }),
    from: t.expose("from", { type: "DateTime", nullable: true }),
    to: t.expose("to", { type: "DateTime", nullable: true }),
    rows: t.expose("rows", { type: "Long", nullable: true }),
    sources: t.exposeStringList("sources"),
    views: t.expose("views", { type: [ViewVersion] }),
    positions: t.expose("positions", {
      type: "NumberMap",
      description: "Next offset by topic/partition up to which the log was folded.",
    }),
    code: t.exposeString("code", { nullable: true }),
    run: t.exposeString("run", { nullable: true }),
    datasets: t.expose("datasets", { type: [DatasetVersionRef] }),
  }),
});

const Alias = builder.objectRef<ModelDocument["aliases"][number]>("ModelAlias").implement({
  fields: (t) => ({ alias: t.exposeString("alias"), version: t.exposeInt("version") }),
});

const StageHolders = builder.objectRef<ModelDocument["stages"][number]>("StageHolders").implement({
  fields: (t) => ({
    stage: t.expose("stage", { type: GuardedStage }),
    versions: t.exposeIntList("versions", { description: "As they entered the stage; the last is its champion." }),
    champion: t.int({ resolve: ({ versions }) => versions[versions.length - 1] }),
  }),
});

const Approval = builder.objectRef<ApprovalRecord>("Approval").implement({
  fields: (t) => ({
    by: t.exposeString("by"),
    at: t.expose("at", { type: "DateTime" }),
    stage: t.expose("stage", { type: GuardedStage, nullable: true, description: "null counts for every stage." }),
    comment: t.exposeString("comment"),
  }),
});

export const ModelVersion = builder.objectRef<ModelVersionDocument>("ModelVersion");

documentNode(ModelVersion);
ModelVersion.implement({
  interfaces: [Document, builder.nodeInterfaceRef()],
  fields: (t) => ({
    model: t.exposeString("model"),
    version: t.exposeInt("version"),
    format: t.expose("format", { type: ModelFormat, description: "Only onnx can be deployed." }),
    artifact: t.exposeString("artifact", {
      nullable: true,
      description: "SHA-256 of the ONNX file; GET /artifacts/{digest}. null only where the format is other.",
    }),
    size: t.expose("size", { type: "Long" }),
    signature: t.expose("signature", { type: ModelSignature }),
    output: t.exposeString("output", {
      nullable: true,
      description: "The model's output that is served as the prediction. null where a release before 0.3 chose it.",
    }),
    outputIndex: t.exposeInt("outputIndex", {
      nullable: true,
      description: "Which of that output's values for a row is served, from 0.",
    }),
    task: t.expose("task", { type: Task, nullable: true }),
    columns: t.exposeStringList("columns", { description: "Input columns in tensor order." }),
    metrics: t.expose("metrics", { type: "NumberMap" }),
    profile: t.exposeString("profile", { nullable: true, description: "SHA-256 of the reference profile." }),
    lineage: t.expose("lineage", { type: ModelLineage }),
    source: t.exposeString("source", { nullable: true, description: "URI of what was registered." }),
    run: t.exposeString("run", { nullable: true, description: "The run that it was registered from." }),
    foreignRun: t.exposeString("foreignRun", {
      nullable: true,
      description: "The run of another tracking server that it was registered from, by its id there.",
    }),
    description: t.exposeString("description"),
    tags: t.expose("tags", { type: "StringMap" }),
    stage: t.expose("stage", { type: Stage }),
    approvals: t.expose("approvals", { type: [Approval] }),
    status: t.exposeString("status", { description: "pending, approved, rejected or deleted" }),
    comment: t.exposeString("comment"),
    decidedBy: t.exposeString("decidedBy", { nullable: true }),
    decidedAt: t.expose("decidedAt", { type: "DateTime", nullable: true }),
  }),
});

export const Model = builder.objectRef<ModelDocument>("Model");

documentNode(Model);
Model.implement({
  interfaces: [Document, builder.nodeInterfaceRef()],
  fields: (t) => ({
    name: t.string({
      description: "What it is called now; its slug unless it was renamed.",
      resolve: ({ name, id }) => name ?? id,
    }),
    description: t.exposeString("description"),
    latestVersion: t.exposeInt("latestVersion"),
    aliases: t.expose("aliases", { type: [Alias] }),
    tags: t.expose("tags", { type: "StringMap" }),
    stages: t.expose("stages", { type: [StageHolders] }),
    status: t.exposeString("status", { description: "active or archived" }),
    versions: t.field({
      type: [ModelVersion],
      args: { first: t.arg.int({ defaultValue: 20 }) },
      description: "The newest versions, newest first, without those that were deleted.",
      resolve: async (model, { first }, { deps }) => {
        const size = Math.min(pageSize(first), model.latestVersion);
        const numbers = Array.from({ length: size }, (_, i) => model.latestVersion - i);
        const found = await Promise.all(
          numbers.map(async (version) => {
            const moment = sameMoment(model);
            const one = await deps.documents.get("modelVersions", model.project, `${model.id}/${version}`, moment);
            return one === null ? null : seenAt(one, moment.asOf);
          }),
        );
        return found.filter((version) => version !== null).filter(({ status }) => status !== "deleted");
      },
    }),
  }),
});
