import type { DatasetEvent, DatasetFormat, DatasetVersionDefinition } from "../../schemas/lifecycle/dataset.ts";
import type { Decider } from "../decider.ts";
import { type KeyValues, withoutKey, withValues } from "../key-values.ts";
import type { Command } from "../payloads.ts";
import { existing, refused, taken } from "../refusals.ts";

type VersionState = { digest: string; format: DatasetFormat };

export type Dataset = {
  description: string;
  /** Version n at n - 1. */
  versions: readonly VersionState[];
  tags: KeyValues;
  status: "active" | "archived";
};

/** What the bytes of a version say about it; `schema` names the columns of its table and their types there. */
export type NewDatasetVersion = Omit<DatasetVersionDefinition, "version">;

export type DatasetCommand =
  | Command<"CreateDataset">
  | { type: "CreateDatasetVersion"; data: { dataset: string; definition: NewDatasetVersion } }
  | Command<"SetDatasetTag">
  | Command<"RemoveDatasetTag">
  | Command<"ArchiveDataset">;

/** The number of the version that has these bytes already; undefined for none. */
export const versionOf = (state: Dataset | null, { digest, format }: VersionState): number | undefined => {
  const at = state?.versions.findIndex((known) => known.digest === digest && known.format === format) ?? -1;
  return at < 0 ? undefined : at + 1;
};

/** A table under a name, in versions that never change. Equal bytes are the same version; the first one makes the dataset. */
export const dataset: Decider<Dataset | null, DatasetCommand, DatasetEvent> = {
  aggregate: "dataset",
  initial: null,

  decide(command, state) {
    if (command.type === "CreateDataset") {
      const { id, description } = command.data;
      if (state === null) return [{ type: "DatasetCreated", data: { description } }];
      active(state, id);
      if (state.description === description) return [];
      throw taken(`dataset "${id}"`);
    }
    const id = command.data.dataset;
    if (command.type === "CreateDatasetVersion") {
      const { definition } = command.data;
      if (state !== null) active(state, id);
      if (versionOf(state, definition) !== undefined) return [];
      const version = (state?.versions.length ?? 0) + 1;
      const created: DatasetEvent = { type: "DatasetVersionCreated", data: { version, ...definition } };
      return state === null ? [{ type: "DatasetCreated", data: { description: "" } }, created] : [created];
    }
    const current = existing(state, `dataset "${id}"`);
    if (command.type === "ArchiveDataset") {
      return current.status === "archived" ? [] : [{ type: "DatasetArchived", data: {} }];
    }
    active(current, id);
    const { key } = command.data;
    if (command.type === "RemoveDatasetTag") {
      return current.tags.has(key) ? [{ type: "DatasetTagRemoved", data: { key } }] : [];
    }
    const { value } = command.data;
    return current.tags.get(key) === value ? [] : [{ type: "DatasetTagSet", data: { key, value } }];
  },

  evolve(state, event) {
    if (event.type === "DatasetCreated") {
      return { description: event.data.description, versions: [], tags: new Map(), status: "active" };
    }
    if (state === null) return state;
    switch (event.type) {
      case "DatasetVersionCreated": {
        const { digest, format } = event.data;
        return { ...state, versions: [...state.versions, { digest, format }] };
      }
      case "DatasetTagSet":
        return { ...state, tags: withValues(state.tags, { [event.data.key]: event.data.value }) };
      case "DatasetTagRemoved":
        return { ...state, tags: withoutKey(state.tags, event.data.key) };
      case "DatasetArchived":
        return { ...state, status: "archived" };
    }
  },
};

const active = (state: Dataset, id: string): void => {
  if (state.status === "archived") throw refused(`dataset "${id}" is archived; take another name`);
};
