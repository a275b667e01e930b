import { type SchemaChange, schemaChanges } from "../../commands/dataset/schema-changes.ts";
import type { DatasetDocument, DatasetVersionDocument } from "../../projections/documents/types.ts";
import type { DatasetColumn as Column, DatasetSource as Source } from "../../schemas/lifecycle/dataset.ts";
import { builder } from "../builder.ts";
import { pageSize } from "../limits/page-size.ts";
import { Document, documentNode } from "./base.ts";
import { DatasetProfile, readProfile } from "./dataset-profile.ts";

const DatasetColumn = builder.objectRef<Column>("DatasetColumn").implement({
  fields: (t) => ({
    name: t.exposeString("name"),
    type: t.exposeString("type", { description: "ClickHouse's." }),
  }),
});

const DatasetSource = builder.objectRef<Source>("DatasetSource").implement({
  fields: (t) => ({
    kind: t.exposeString("kind", { description: "upload, table or query" }),
    text: t.exposeString("text", { nullable: true, description: "Name of the table, or SQL." }),
  }),
});

const DatasetSchemaChange = builder.objectRef<SchemaChange>("DatasetSchemaChange").implement({
  description: "A column that is not as it was in the version before.",
  fields: (t) => ({
    column: t.exposeString("column"),
    from: t.exposeString("from", { nullable: true, description: "null for a new column" }),
    to: t.exposeString("to", { nullable: true, description: "null for one that is gone" }),
  }),
});

export const DatasetVersion = builder.objectRef<DatasetVersionDocument>("DatasetVersion");

documentNode(DatasetVersion);
DatasetVersion.implement({
  description: "Rows that never change, known by the digest of their bytes.",
  interfaces: [Document, builder.nodeInterfaceRef()],
  fields: (t) => ({
    dataset: t.exposeString("dataset"),
    version: t.exposeInt("version"),
    digest: t.exposeString("digest", { description: "SHA-256 of the bytes; GET /artifacts/{digest}." }),
    format: t.exposeString("format", { description: "csv, json, parquet, avro or query" }),
    size: t.expose("size", { type: "Long", description: "Bytes." }),
    rows: t.expose("rows", { type: "Long" }),
    schema: t.expose("schema", { type: [DatasetColumn] }),
    source: t.expose("source", { type: DatasetSource }),
    table: t.string({
      description: "The view of the warehouse that has the rows.",
      resolve: ({ project, dataset, version }) => `dataset_${project}_${dataset}_v${version}`,
    }),
    schemaChanges: t.field({
      type: [DatasetSchemaChange],
      resolve: async ({ project, dataset, version, schema }, _, { deps }) => {
        const before = await deps.documents.get("datasetVersions", project, `${dataset}/${version - 1}`);
        return before === null ? [] : schemaChanges(before.schema, schema);
      },
    }),
    profile: t.field({
      type: DatasetProfile,
      nullable: true,
      resolve: ({ profile }, _, { deps }) => (profile === null ? null : readProfile(deps.artifacts, profile)),
    }),
  }),
});

export const Dataset = builder.objectRef<DatasetDocument>("Dataset");

documentNode(Dataset);
Dataset.implement({
  interfaces: [Document, builder.nodeInterfaceRef()],
  fields: (t) => ({
    description: t.exposeString("description"),
    latestVersion: t.exposeInt("latestVersion", { description: "0 before there is one." }),
    tags: t.expose("tags", { type: "StringMap" }),
    status: t.exposeString("status", { description: "active or archived" }),
    versions: t.field({
      type: [DatasetVersion],
      args: { first: t.arg.int({ defaultValue: 20 }) },
      description: "The newest versions, newest first.",
      resolve: async (dataset, { first }, { deps }) => {
        const size = Math.min(pageSize(first), dataset.latestVersion);
        const numbers = Array.from({ length: size }, (_, i) => dataset.latestVersion - i);
        const found = await Promise.all(
          numbers.map((version) => deps.documents.get("datasetVersions", dataset.project, `${dataset.id}/${version}`)),
        );
        return found.filter((version) => version !== null);
      },
    }),
  }),
});
