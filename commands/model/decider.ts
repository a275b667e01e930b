import type { ModelEvent } from "../../schemas/lifecycle.ts";
import type { Decider } from "../decider.ts";
import type { Command } from "../payloads.ts";
import { existing, refused, taken } from "../refusals.ts";
import { findVersion, type Model, type NewModelVersion, sameVersion, withVersion } from "./state.ts";

export type ModelCommand =
  | Command<"RegisterModel">
  | { type: "CreateModelVersion"; data: { model: string; definition: NewModelVersion } }
  | Command<"ApproveModelVersion">
  | Command<"RejectModelVersion">
  | Command<"SetModelAlias">
  | Command<"RemoveModelAlias">
  | Command<"ArchiveModel">;

/**
 * A registered model with its versions. Only an approved version may be pointed at by an alias (or deployed);
 * an approval can be withdrawn by a rejection once nothing points at the version.
 */
export const model: Decider<Model | null, ModelCommand, ModelEvent> = {
  aggregate: "model",
  initial: null,

  decide(command, state) {
    if (command.type === "RegisterModel") {
      const { id, description } = command.data;
      if (state === null) return [{ type: "ModelRegistered", data: { description } }];
      active(state, id);
      if (state.description === description) return [];
      throw taken(`model "${id}"`);
    }
    const name = command.data.model;
    const current = existing(state, `model "${name}"`);
    if (command.type === "ArchiveModel") {
      return current.status === "archived" ? [] : [{ type: "ModelArchived", data: {} }];
    }
    active(current, name);
    switch (command.type) {
      case "CreateModelVersion": {
        const { definition } = command.data;
        return sameVersion(current, definition) !== undefined
          ? []
          : [{ type: "ModelVersionCreated", data: { version: current.versions.length + 1, ...definition } }];
      }
      case "ApproveModelVersion": {
        const { version, comment } = command.data;
        return findVersion(current, name, version).status === "approved"
          ? []
          : [{ type: "ModelVersionApproved", data: { version, comment } }];
      }
      case "RejectModelVersion": {
        const { version, comment } = command.data;
        if (findVersion(current, name, version).status === "rejected") return [];
        const pointing = [...current.aliases].filter(([, target]) => target === version).map(([alias]) => alias);
        if (pointing.length > 0) {
          throw refused(`version ${version} of model "${name}" has the alias ${pointing.join(", ")}; move it first`);
        }
        return [{ type: "ModelVersionRejected", data: { version, comment } }];
      }
      case "SetModelAlias": {
        const { alias, version } = command.data;
        const { status } = findVersion(current, name, version);
        if (status !== "approved") {
          throw refused(`version ${version} of model "${name}" is ${status}; approve it before it gets an alias`);
        }
        return current.aliases.get(alias) === version ? [] : [{ type: "ModelAliasSet", data: { alias, version } }];
      }
      case "RemoveModelAlias": {
        const { alias } = command.data;
        return current.aliases.has(alias) ? [{ type: "ModelAliasRemoved", data: { alias } }] : [];
      }
    }
  },

  evolve(state, event) {
    if (event.type === "ModelRegistered") {
      return { description: event.data.description, versions: [], aliases: new Map(), status: "active" };
    }
    if (state === null) return state;
    switch (event.type) {
      case "ModelVersionCreated":
        return { ...state, versions: [...state.versions, { definition: event.data, status: "pending" }] };
      case "ModelVersionApproved":
        return withVersion(state, event.data.version, "approved");
      case "ModelVersionRejected":
        return withVersion(state, event.data.version, "rejected");
      case "ModelAliasSet":
        return { ...state, aliases: new Map(state.aliases).set(event.data.alias, event.data.version) };
      case "ModelAliasRemoved":
        return { ...state, aliases: new Map([...state.aliases].filter(([alias]) => alias !== event.data.alias)) };
      case "ModelArchived":
        return { ...state, status: "archived" };
    }
  },
};

const active = (state: Model, name: string): void => {
  if (state.status === "archived") throw refused(`model "${name}" is archived; register one with another id`);
};
