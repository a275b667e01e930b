import type { ModelDocument, ModelVersionDocument } from "../../projections/documents/types.ts";
import type { Lineage, Signature, TensorInfo } from "../../schemas/lifecycle.ts";
import { builder } from "../builder.ts";
import { Task } from "../enums.ts";
import { pageSize } from "../limits/page-size.ts";
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
  }),
});

const Alias = builder.objectRef<ModelDocument["aliases"][number]>("ModelAlias").implement({
  fields: (t) => ({ alias: t.exposeString("alias"), version: t.exposeInt("version") }),
});

export const ModelVersion = builder.objectRef<ModelVersionDocument>("ModelVersion");

documentNode(ModelVersion);
ModelVersion.implement({
  interfaces: [Document, builder.nodeInterfaceRef()],
  fields: (t) => ({
    model: t.exposeString("model"),
    version: t.exposeInt("version"),
    artifact: t.exposeString("artifact", { description: "SHA-256 of the ONNX file; GET /artifacts/{digest}." }),
    size: t.expose("size", { type: "Long" }),
    signature: t.expose("signature", { type: ModelSignature }),
    task: t.expose("task", { type: Task }),
    columns: t.exposeStringList("columns", { description: "Input columns in tensor order." }),
    metrics: t.expose("metrics", { type: "NumberMap" }),
    profile: t.exposeString("profile", { nullable: true, description: "SHA-256 of the reference profile." }),
    lineage: t.expose("lineage", { type: ModelLineage }),
    status: t.exposeString("status", { description: "pending, approved or rejected" }),
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
    description: t.exposeString("description"),
    latestVersion: t.exposeInt("latestVersion"),
    aliases: t.expose("aliases", { type: [Alias] }),
    status: t.exposeString("status", { description: "active or archived" }),
    versions: t.field({
      type: [ModelVersion],
      args: { first: t.arg.int({ defaultValue: 20 }) },
      description: "The newest versions, newest first.",
      resolve: async (model, { first }, { deps }) => {
        const size = Math.min(pageSize(first), model.latestVersion);
        const numbers = Array.from({ length: size }, (_, i) => model.latestVersion - i);
        const found = await Promise.all(
          numbers.map((version) => deps.documents.get("modelVersions", model.project, `${model.id}/${version}`)),
        );
        return found.filter((version) => version !== null);
      },
    }),
  }),
});
