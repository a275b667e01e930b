import type { DeploymentDocument } from "../../projections/documents/types.ts";
import type {
  Column as ColumnDefinition,
  OutcomeDefinition,
  TrafficSplit,
} from "../../schemas/lifecycle/deployment.ts";
import { builder } from "../builder.ts";
import { Variant } from "../enums.ts";
import { sameMoment } from "../moment.ts";
import { Document, documentNode } from "./base.ts";
import { ModelVersion } from "./model.ts";

export const Column = builder.objectRef<ColumnDefinition>("Column").implement({
  description: "One input of a model.",
  fields: (t) => ({
    name: t.exposeString("name"),
    from: t.exposeString("from", { description: "event.<field>, <view>:<feature>, or CEL over event and time." }),
  }),
});

export const Outcome = builder.objectRef<OutcomeDefinition>("OutcomeDefinition").implement({
  description: "How outcomes are recognised.",
  fields: (t) => ({
    source: t.exposeString("source"),
    key: t.exposeStringList("key"),
    value: t.exposeString("value", { description: "CEL over the outcome event." }),
    horizonMs: t.expose("horizonMs", { type: "Long" }),
  }),
});

/** A share of the traffic; the project travels along so that its version can be looked up. */
type Share = TrafficSplit[number] & { project: string; asOf?: number };

const TrafficShare = builder.objectRef<Share>("TrafficShare").implement({
  fields: (t) => ({
    model: t.exposeString("model"),
    version: t.exposeInt("version"),
    variant: t.expose("variant", { type: Variant }),
    share: t.exposeFloat("share"),
    modelVersion: t.field({
      type: ModelVersion,
      nullable: true,
      resolve: ({ project, model, version, asOf }, _, { deps }) =>
        deps.documents.get("modelVersions", project, `${model}/${version}`, { asOf }),
    }),
  }),
});

export const Deployment = builder.objectRef<DeploymentDocument>("Deployment");

documentNode(Deployment);
Deployment.implement({
  description: "An endpoint: which events ask for predictions, from which columns, and who answers.",
  interfaces: [Document, builder.nodeInterfaceRef()],
  fields: (t) => ({
    trigger: t.exposeString("trigger"),
    columns: t.expose("columns", { type: [Column] }),
    split: t.field({
      type: [TrafficShare],
      resolve: (deployment) =>
        deployment.split.map((share) => ({ ...share, project: deployment.project, ...sameMoment(deployment) })),
    }),
    outcome: t.expose("outcome", { type: Outcome, nullable: true }),
    threshold: t.exposeFloat("threshold", { description: "For a binary task: positive at or above it." }),
    status: t.exposeString("status", { description: "active or stopped" }),
  }),
});
