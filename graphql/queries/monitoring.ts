import { builder } from "../builder.ts";
import { allowRead } from "../context.ts";
import { finite } from "../missing.ts";
import { DriftResult } from "../types/drift.ts";
import { kindOf, NumberKind } from "../types/number-kind.ts";
import type { AuditRow, DeadLetterRow, FeatureValueRow } from "../warehouse-reads.ts";
import { connection, toConnection } from "./connection.ts";
import { pageArguments, pagedQuery } from "./paging.ts";
import { WAREHOUSE_COST } from "./warehouse.ts";

const FeatureValues = builder.objectRef<FeatureValueRow>("FeatureValues").implement({
  description: "A view's features of one entity as they were at one event.",
  fields: (t) => ({
    view: t.exposeString("view"),
    version: t.exposeInt("version"),
    entity: t.exposeString("entity"),
    at: t.expose("at", { type: "DateTime" }),
    values: t.floatList({
      nullable: { list: false, items: true },
      description:
        "In the order of the view's features; null where there was none, or it is infinite: `kinds` says which.",
      resolve: ({ values }) => values.map(finite),
    }),
    kinds: t.field({ type: [NumberKind], resolve: ({ values }) => values.map(kindOf) }),
  }),
});

const AuditEntry = builder.objectRef<AuditRow>("AuditEntry").implement({
  description: "Who did what, when and why.",
  fields: (t) => ({
    position: t.exposeString("position"),
    stream: t.exposeString("stream"),
    revision: t.expose("revision", { type: "Long" }),
    type: t.exposeString("type"),
    actor: t.exposeString("actor"),
    at: t.expose("at", { type: "DateTime" }),
    correlationId: t.exposeString("correlation"),
    causationId: t.exposeString("causation"),
    reason: t.exposeString("reason"),
    hash: t.exposeString("hash", { description: "SHA-256 over the record and the hash before it in its project." }),
    data: t.field({ type: "JSON", resolve: ({ data }) => JSON.parse(data) }),
  }),
});

const AuditHead = builder.objectRef<{ position: string; hash: string; at: number }>("AuditHead").implement({
  description: "The newest link of a project's audit: it vouches for every record before it. Keep it elsewhere.",
  fields: (t) => ({
    position: t.exposeString("position"),
    hash: t.exposeString("hash"),
    at: t.expose("at", { type: "DateTime" }),
  }),
});

const DeadLetter = builder.objectRef<DeadLetterRow>("DeadLetter").implement({
  description: "A record that could not be taken, with the cause.",
  fields: (t) => ({
    stage: t.exposeString("stage", { description: "decode, features, score or outcome" }),
    code: t.exposeString("code"),
    message: t.exposeString("message"),
    topic: t.exposeString("topic"),
    partition: t.exposeInt("partition"),
    offset: t.expose("offset", { type: "Long" }),
    schemaId: t.exposeInt("schemaId", { nullable: true }),
    key: t.exposeString("key", { nullable: true, description: "Base64." }),
    value: t.exposeString("value", { nullable: true, description: "Base64." }),
    timestamp: t.expose("timestamp", { type: "DateTime" }),
    failedAt: t.expose("failedAt", { type: "DateTime" }),
  }),
});

const DriftPage = connection(DriftResult);
const FeaturePage = connection(FeatureValues);
const AuditPage = connection(AuditEntry);
const DeadLetterPage = connection(DeadLetter);

type ArgumentBuilder = Parameters<Parameters<typeof builder.queryFields>[0]>[0];

const within = (t: ArgumentBuilder) => ({
  project: t.arg.string({ required: true }),
  from: t.arg({ type: "DateTime", description: "Inclusive." }),
  to: t.arg({ type: "DateTime", description: "Exclusive." }),
  ...pageArguments(t),
});

builder.queryFields((t) => ({
  driftResults: t.field({
    type: DriftPage,
    extensions: { cost: WAREHOUSE_COST },
    args: {
      ...within(t),
      endpoint: t.arg.string(),
      monitor: t.arg.string(),
      column: t.arg.string(),
      drifted: t.arg.boolean(),
    },
    resolve: async (_, { project, ...filter }, context) => {
      await allowRead(context, "driftResults", project);
      const { page, query } = pagedQuery(filter);
      return toConnection(await context.deps.warehouse.driftResults(project, query), page);
    },
  }),
  featureHistory: t.field({
    type: FeaturePage,
    extensions: { cost: WAREHOUSE_COST },
    args: {
      ...within(t),
      view: t.arg.string({ required: true }),
      entity: t.arg.string({ required: true }),
      version: t.arg.int(),
    },
    resolve: async (_, { project, view, entity, ...filter }, context) => {
      await allowRead(context, "featureHistory", project);
      const { page, query } = pagedQuery(filter);
      return toConnection(await context.deps.warehouse.featureHistory(project, view, entity, query), page);
    },
  }),
  audit: t.field({
    type: AuditPage,
    extensions: { cost: WAREHOUSE_COST },
    args: { ...within(t), stream: t.arg.string(), actor: t.arg.string(), type: t.arg.string() },
    resolve: async (_, { project, ...filter }, context) => {
      await allowRead(context, "audit", project);
      const { page, query } = pagedQuery(filter);
      return toConnection(await context.deps.warehouse.audit(project, query), page);
    },
  }),
  auditHead: t.field({
    type: AuditHead,
    nullable: true,
    extensions: { cost: WAREHOUSE_COST },
    args: { project: t.arg.string({ required: true }) },
    resolve: async (_, { project }, context) => {
      await allowRead(context, "auditHead", project);
      return context.deps.warehouse.auditHead(project);
    },
  }),
  deadLetters: t.field({
    type: DeadLetterPage,
    extensions: { cost: WAREHOUSE_COST },
    args: { ...within(t), stage: t.arg.string(), code: t.arg.string(), topic: t.arg.string() },
    resolve: async (_, { project, ...filter }, context) => {
      await allowRead(context, "deadLetters", project);
      const { page, query } = pagedQuery(filter);
      return toConnection(await context.deps.warehouse.deadLetters(project, query), page);
    },
  }),
}));
