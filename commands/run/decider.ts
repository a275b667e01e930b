import type { ArtifactFile } from "../../schemas/lifecycle/artifact-file.ts";
import type { RunDataset, RunEvent, RunOutput, RunStatus } from "../../schemas/lifecycle/run.ts";
import { type ArtifactFiles, isBelow, noFiles, withFile, withoutFiles } from "../artifact-files.ts";
import type { Decider } from "../decider.ts";
import { sameValue } from "../identity.ts";
import { changedIn, type KeyValues, keyValues, newParams, withoutKey, withValues } from "../key-values.ts";
import type { Command } from "../payloads.ts";
import { existing, refused, taken } from "../refusals.ts";

type Created = Extract<RunEvent, { type: "RunCreated" }>["data"];

export type Run = {
  experiment: string;
  name: string;
  status: RunStatus;
  endTime: number | null;
  params: KeyValues;
  tags: KeyValues;
  /** Input datasets by name and digest, input models, and outputs, each as one text. */
  inputs: ReadonlySet<string>;
  outputs: ReadonlySet<string>;
  files: ArtifactFiles;
  deleted: boolean;
  /** As it was made, by which a repeated create is recognised. */
  created: Created;
};

export type RunCommand =
  | { type: "CreateRun"; data: Created & { id: string } }
  | Command<"UpdateRun">
  | Command<"LogRunBatch">
  | Command<"DeleteRunTag">
  | Command<"LogRunInputs">
  | Command<"LogRunOutputs">
  | { type: "StoreRunArtifact"; data: ArtifactFile & { id: string } }
  | Command<"DeleteRunArtifacts">
  | Command<"DeleteRun">
  | Command<"RestoreRun">;

/** The tag by which MLflow clients read and set a run's name: both always say the same. */
export const NAME_TAG = "mlflow.runName";

/** One execution. Its status may go from any to any, as clients resume runs; its parameters never change. */
export const run: Decider<Run | null, RunCommand, RunEvent> = {
  aggregate: "run",
  initial: null,

  decide(command, state) {
    const what = `run "${command.data.id}"`;
    if (command.type === "CreateRun") {
      const { id: _, ...given } = command.data;
      const data = { ...given, tags: { ...given.tags, [NAME_TAG]: given.name } };
      if (state === null) return [{ type: "RunCreated", data }];
      if (sameValue(data, state.created)) return [];
      throw taken(what);
    }
    const current = existing(state, what);
    if (command.type === "DeleteRun") return current.deleted ? [] : [{ type: "RunDeleted", data: {} }];
    if (command.type === "RestoreRun") return current.deleted ? [{ type: "RunRestored", data: {} }] : [];
    if (current.deleted) throw refused(`${what} is deleted; restore it first`);
    switch (command.type) {
      case "UpdateRun":
        return updated(current, command.data);
      case "LogRunBatch": {
        const params = newParams(current.params, command.data.params, what);
        const logged: RunEvent[] = params === null ? [] : [{ type: "RunParamsLogged", data: { params } }];
        return [...logged, ...tagged(current, command.data.tags)];
      }
      case "DeleteRunTag": {
        const { key } = command.data;
        return current.tags.has(key) ? [{ type: "RunTagDeleted", data: { key } }] : [];
      }
      case "LogRunInputs": {
        const seen = new Set(current.inputs);
        const datasets = command.data.datasets.filter((dataset) => isNew(seen, datasetKey(dataset)));
        const models = command.data.models.filter((model) => isNew(seen, model));
        return datasets.length + models.length === 0 ? [] : [{ type: "RunInputsLogged", data: { datasets, models } }];
      }
      case "LogRunOutputs": {
        const seen = new Set(current.outputs);
        const models = command.data.models.filter((output) => isNew(seen, outputKey(output)));
        return models.length === 0 ? [] : [{ type: "RunOutputsLogged", data: { models } }];
      }
      case "StoreRunArtifact": {
        const { id: _, ...file } = command.data;
        return sameValue(current.files.get(file.path), file) ? [] : [{ type: "RunArtifactStored", data: file }];
      }
      case "DeleteRunArtifacts": {
        const { path } = command.data;
        const isThere = [...current.files.keys()].some((known) => isBelow(path, known));
        return isThere ? [{ type: "RunArtifactsDeleted", data: { path } }] : [];
      }
    }
  },

  evolve(state, event) {
    if (event.type === "RunCreated") {
      const { experiment, name, tags } = event.data;
      return {
        experiment,
        name,
        status: "RUNNING",
        endTime: null,
        params: new Map(),
        tags: keyValues(tags),
        inputs: new Set(),
        outputs: new Set(),
        files: noFiles,
        deleted: false,
        created: event.data,
      };
    }
    if (state === null) return state;
    switch (event.type) {
      case "RunUpdated":
        return { ...state, ...event.data };
      case "RunParamsLogged":
        return { ...state, params: withValues(state.params, event.data.params) };
      case "RunTagsSet":
        return { ...state, tags: withValues(state.tags, event.data.tags) };
      case "RunTagDeleted":
        return { ...state, tags: withoutKey(state.tags, event.data.key) };
      case "RunInputsLogged": {
        const { datasets, models } = event.data;
        return { ...state, inputs: new Set([...state.inputs, ...datasets.map(datasetKey), ...models]) };
      }
      case "RunOutputsLogged":
        return { ...state, outputs: new Set([...state.outputs, ...event.data.models.map(outputKey)]) };
      case "RunArtifactStored":
        return { ...state, files: withFile(state.files, event.data) };
      case "RunArtifactsDeleted":
        return { ...state, files: withoutFiles(state.files, event.data.path) };
      case "RunDeleted":
        return { ...state, deleted: true };
      case "RunRestored":
        return { ...state, deleted: false };
    }
  },
};

const datasetKey = ({ name, digest }: RunDataset): string => JSON.stringify([name, digest]);

const outputKey = ({ model, step }: RunOutput): string => `${model} ${step}`;

const isNew = (seen: Set<string>, key: string): boolean => seen.size !== seen.add(key).size;

/** What an update changes. A new name is a new tag, too. */
const updated = (current: Run, wanted: { status?: RunStatus; endTime?: number | null; name?: string }): RunEvent[] => {
  const { status = current.status, endTime = current.endTime, name = current.name } = wanted;
  const data = {
    ...(status === current.status ? {} : { status }),
    ...(endTime === current.endTime ? {} : { endTime }),
    ...(name === current.name ? {} : { name }),
  };
  const tags = wanted.name === undefined ? null : changedIn(current.tags, { [NAME_TAG]: wanted.name });
  return [
    ...(Object.keys(data).length === 0 ? [] : [{ type: "RunUpdated", data } as const]),
    ...(tags === null ? [] : [{ type: "RunTagsSet", data: { tags } } as const]),
  ];
};

/** What tags change. The tag of the name renames the run, unless it says nothing. */
const tagged = (current: Run, wanted: Record<string, string>): RunEvent[] => {
  const tags = changedIn(current.tags, wanted);
  if (tags === null) return [];
  const name = Object.hasOwn(tags, NAME_TAG) ? tags[NAME_TAG] : "";
  const renamed: RunEvent[] = name === "" || name === current.name ? [] : [{ type: "RunUpdated", data: { name } }];
  return [{ type: "RunTagsSet", data: { tags } }, ...renamed];
};
