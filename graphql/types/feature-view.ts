import type { FeatureViewDocument } from "../../projections/documents/types.ts";
import type { FeatureDefinition, FeatureViewDefinition } from "../../schemas/lifecycle/feature-view.ts";
import { unreadIndex } from "../../schemas/online-keys.ts";
import { builder } from "../builder.ts";
import { AggregateFunction } from "../enums.ts";
import { Document, documentNode } from "./base.ts";

const Feature = builder.objectRef<FeatureDefinition>("Feature").implement({
  fields: (t) => ({
    name: t.exposeString("name"),
    source: t.exposeString("source"),
    function: t.expose("function", { type: AggregateFunction }),
    value: t.exposeString("value", { nullable: true, description: "CEL over event and time." }),
    where: t.exposeString("where", { nullable: true, description: "CEL: which events count." }),
    windowMs: t.expose("windowMs", { type: "Long", nullable: true }),
    quantile: t.exposeFloat("quantile", { nullable: true }),
  }),
});

const Entity = builder.objectRef<FeatureViewDefinition["entity"]>("Entity").implement({
  fields: (t) => ({ name: t.exposeString("name"), key: t.exposeStringList("key") }),
});

const Definition = builder.objectRef<FeatureViewDefinition>("FeatureViewDefinition").implement({
  fields: (t) => ({
    entity: t.expose("entity", { type: Entity }),
    features: t.expose("features", { type: [Feature] }),
    allowedLatenessMs: t.expose("allowedLatenessMs", { type: "Long" }),
    ttlMs: t.expose("ttlMs", { type: "Long", nullable: true }),
  }),
});

const Version = builder.objectRef<FeatureViewDocument["versions"][number]>("FeatureViewVersion").implement({
  fields: (t) => ({
    version: t.exposeInt("version"),
    at: t.expose("at", { type: "DateTime" }),
    by: t.exposeString("by"),
    definition: t.expose("definition", { type: Definition }),
  }),
});

const MAX_PARTITIONS = 10_000;

export const FeatureView = builder.objectRef<FeatureViewDocument>("FeatureView");

documentNode(FeatureView);
FeatureView.implement({
  interfaces: [Document, builder.nodeInterfaceRef()],
  fields: (t) => ({
    version: t.exposeInt("version"),
    definition: t.expose("definition", { type: Definition }),
    versions: t.expose("versions", { type: [Version] }),
    status: t.exposeString("status", { description: "active or archived" }),
    unreadRecords: t.field({
      type: "Long",
      description:
        "Records of its sources that the present version was built without, because the schema of their source no " +
        "longer reads them; each is a dead letter of stage build. 0 for a view that is whole.",
      resolve: async ({ project, id, version }, _, { deps }) => {
        const partitions = await deps.onlineStore.range(unreadIndex(project, id, version), { limit: MAX_PARTITIONS });
        return partitions.reduce((sum, { score }) => sum + score, 0);
      },
    }),
  }),
});
