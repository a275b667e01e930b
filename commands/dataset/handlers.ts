import type { DatasetFormat, DatasetSource } from "../../schemas/lifecycle/dataset.ts";
import { asGiven, type HandlerContext, handlersOf } from "../handler.ts";
import type { Payload } from "../payloads.ts";
import { refused } from "../refusals.ts";
import { type Dataset, type DatasetCommand, dataset, versionOf } from "./decider.ts";

type Context = HandlerContext<Dataset | null>;

/** Also for bytes that are a version already: that brings back a table that the warehouse has lost. */
const version = async (
  digest: string,
  format: DatasetFormat,
  source: DatasetSource,
  { project, id, state, checks }: Context,
): Promise<DatasetCommand> => {
  if (state?.status === "archived") throw refused(`dataset "${id}" is archived; take another name`);
  const loaded = await checks.loadDataset(project, digest, format);
  return { type: "CreateDatasetVersion", data: { dataset: id, definition: { digest, format, source, ...loaded } } };
};

const fromQuery = async (
  { query, table, parameters }: Payload<"CreateDatasetFromQuery">,
  context: Context,
): Promise<DatasetCommand> => {
  if (context.state?.status === "archived") throw refused(`dataset "${context.id}" is archived; take another name`);
  const { digest, text } = await context.checks.snapshotDataset(context.project, { query, table, parameters });
  return version(digest, "query", { kind: query === null ? "table" : "query", text }, context);
};

const numberOf = (command: DatasetCommand, state: Dataset | null): number | undefined =>
  command.type === "CreateDatasetVersion" ? (versionOf(state, command.data.definition) ?? 1) : undefined;

export const datasetHandlers = handlersOf(dataset, {
  CreateDataset: { id: ({ id }) => id, prepare: asGiven("CreateDataset") },
  CreateDatasetVersion: {
    id: ({ dataset }) => dataset,
    prepare: ({ artifact, format }, context) => version(artifact, format, { kind: "upload", text: null }, context),
    version: numberOf,
  },
  CreateDatasetFromQuery: { id: ({ dataset }) => dataset, prepare: fromQuery, version: numberOf },
  SetDatasetTag: { id: ({ dataset }) => dataset, prepare: asGiven("SetDatasetTag") },
  RemoveDatasetTag: { id: ({ dataset }) => dataset, prepare: asGiven("RemoveDatasetTag") },
  ArchiveDataset: { id: ({ dataset }) => dataset, prepare: asGiven("ArchiveDataset") },
});
