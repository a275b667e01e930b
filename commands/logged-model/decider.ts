import type { ArtifactFile } from "../../schemas/lifecycle/artifact-file.ts";
import type { LoggedModelDefinition, LoggedModelEvent } from "../../schemas/lifecycle/logged-model.ts";
import { type ArtifactFiles, isBelow, noFiles, withFile, withoutFiles } from "../artifact-files.ts";
import type { Decider } from "../decider.ts";
import { sameValue } from "../identity.ts";
import { changedIn, type KeyValues, keyValues, newParams, withoutKey, withValues } from "../key-values.ts";
import type { Command } from "../payloads.ts";
import { existing, refused, taken } from "../refusals.ts";

export type LoggedModel = {
  params: KeyValues;
  tags: KeyValues;
  status: "PENDING" | "READY" | "UPLOAD_FAILED";
  files: ArtifactFiles;
  deleted: boolean;
  /** As it was made, by which a repeated create is recognised. */
  created: LoggedModelDefinition;
};

export type LoggedModelCommand =
  | { type: "CreateLoggedModel"; data: LoggedModelDefinition & { id: string } }
  | Command<"FinalizeLoggedModel">
  | Command<"LogLoggedModelParams">
  | Command<"SetLoggedModelTags">
  | Command<"DeleteLoggedModelTag">
  | { type: "StoreLoggedModelArtifact"; data: ArtifactFile & { id: string } }
  | Command<"DeleteLoggedModelArtifacts">
  | Command<"DeleteLoggedModel">;

/** A model that a run has logged: pending until its files are there. What is deleted stays deleted. */
export const loggedModel: Decider<LoggedModel | null, LoggedModelCommand, LoggedModelEvent> = {
  aggregate: "logged-model",
  initial: null,

  decide(command, state) {
    const what = `logged model "${command.data.id}"`;
    if (command.type === "CreateLoggedModel") {
      const { id: _, ...data } = command.data;
      if (state === null) return [{ type: "LoggedModelCreated", data }];
      if (sameValue(data, state.created)) return [];
      throw taken(what);
    }
    const current = existing(state, what);
    if (command.type === "DeleteLoggedModel") {
      return current.deleted ? [] : [{ type: "LoggedModelDeleted", data: {} }];
    }
    if (current.deleted) throw refused(`${what} is deleted; log it anew`);
    switch (command.type) {
      case "FinalizeLoggedModel": {
        const { status } = command.data;
        return status === current.status ? [] : [{ type: "LoggedModelFinalized", data: { status } }];
      }
      case "LogLoggedModelParams": {
        const params = newParams(current.params, command.data.params, what);
        return params === null ? [] : [{ type: "LoggedModelParamsLogged", data: { params } }];
      }
      case "SetLoggedModelTags": {
        const tags = changedIn(current.tags, command.data.tags);
        return tags === null ? [] : [{ type: "LoggedModelTagsSet", data: { tags } }];
      }
      case "DeleteLoggedModelTag": {
        const { key } = command.data;
        return current.tags.has(key) ? [{ type: "LoggedModelTagDeleted", data: { key } }] : [];
      }
      case "StoreLoggedModelArtifact": {
        const { id: _, ...file } = command.data;
        return sameValue(current.files.get(file.path), file) ? [] : [{ type: "LoggedModelArtifactStored", data: file }];
      }
      case "DeleteLoggedModelArtifacts": {
        const { path } = command.data;
        const isThere = [...current.files.keys()].some((known) => isBelow(path, known));
        return isThere ? [{ type: "LoggedModelArtifactsDeleted", data: { path } }] : [];
      }
    }
  },

  evolve(state, event) {
    if (event.type === "LoggedModelCreated") {
      const { params, tags } = event.data;
      return {
        params: keyValues(params),
        tags: keyValues(tags),
        status: "PENDING",
        files: noFiles,
        deleted: false,
        created: event.data,
      };
    }
    if (state === null) return state;
    switch (event.type) {
      case "LoggedModelFinalized":
        return { ...state, status: event.data.status };
      case "LoggedModelParamsLogged":
        return { ...state, params: withValues(state.params, event.data.params) };
      case "LoggedModelTagsSet":
        return { ...state, tags: withValues(state.tags, event.data.tags) };
      case "LoggedModelTagDeleted":
        return { ...state, tags: withoutKey(state.tags, event.data.key) };
      case "LoggedModelArtifactStored":
        return { ...state, files: withFile(state.files, event.data) };
      case "LoggedModelArtifactsDeleted":
        return { ...state, files: withoutFiles(state.files, event.data.path) };
      case "LoggedModelDeleted":
        return { ...state, deleted: true };
    }
  },
};
