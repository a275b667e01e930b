import type { ModelEvent } from "../../schemas/lifecycle/model.ts";
import type { Decider, DecisionContext } from "../decider.ts";
import { type KeyValues, withoutKey, withValues } from "../key-values.ts";
import type { Command } from "../payloads.ts";
import { existing, refused, taken } from "../refusals.ts";
import { type AnnotationCommand, annotate } from "./annotations.ts";
import { isGuarded, rollBack, type Transition, transition, withStage } from "./stages.ts";
import {
  type Approval,
  aliasesOf,
  findVersion,
  type Model,
  type NewModelVersion,
  sameVersion,
  withVersion,
} from "./state.ts";

type VersionCommand =
  /** `reuse` false: a version of the same definition is no answer. */
  | { type: "CreateModelVersion"; data: { model: string; definition: NewModelVersion; reuse?: boolean } }
  | Command<"ApproveModelVersion">
  | Command<"RejectModelVersion">
  | Command<"GiveApproval">
  | { type: "TransitionStage"; data: Transition }
  | Command<"RollBackStage">
  | Command<"DeleteModelVersion">
  | Command<"SetModelAlias">
  | Command<"RemoveModelAlias">;

export type ModelCommand =
  | Command<"RegisterModel">
  | Command<"RenameModel">
  | Command<"ArchiveModel">
  | VersionCommand
  | AnnotationCommand;

/**
 * A registered model with its versions. Only a version that was approved, or that holds a stage, may be pointed at by
 * an alias (or deployed); an approval can be withdrawn by a rejection once nothing points at the version.
 */
export const model: Decider<Model | null, ModelCommand, ModelEvent> = {
  aggregate: "model",
  initial: null,

  decide(command, state, context) {
    if (command.type === "RegisterModel") {
      const { id, description, name: wanted = id } = command.data;
      if (state === null) {
        return [{ type: "ModelRegistered", data: { description, ...(wanted === id ? {} : { name: wanted }) } }];
      }
      active(state, id);
      if (state.description === description && (state.name ?? id) === wanted) return [];
      throw taken(`model "${id}"`);
    }
    const name = command.data.model;
    const current = existing(state, `model "${name}"`);
    if (command.type === "ArchiveModel") {
      return current.status === "archived" ? [] : [{ type: "ModelArchived", data: {} }];
    }
    active(current, name);
    if (command.type === "RenameModel") {
      const { name: wanted } = command.data;
      return (current.name ?? name) === wanted ? [] : [{ type: "ModelRenamed", data: { name: wanted } }];
    }
    switch (command.type) {
      case "DescribeModel":
      case "SetModelTag":
      case "RemoveModelTag":
      case "DescribeModelVersion":
      case "SetModelVersionTag":
      case "RemoveModelVersionTag":
        return annotate(command, current);
      default:
        return decideVersion(command, current, context);
    }
  },

  evolve(state, event) {
    if (event.type === "ModelRegistered") {
      return {
        name: event.data.name ?? null,
        formerNames: new Set(),
        description: event.data.description,
        tags: new Map(),
        versions: [],
        aliases: new Map(),
        entered: { Staging: [], Production: [] },
        status: "active",
      };
    }
    if (state === null) return state;
    switch (event.type) {
      case "ModelVersionCreated": {
        const author = event.by ?? "";
        const blank = { description: "", tags: new Map(), stage: "None", approvals: [] } as const;
        return {
          ...state,
          versions: [...state.versions, { definition: event.data, status: "pending", author, ...blank }],
        };
      }
      case "ModelVersionApproved": {
        const approvals = approvalsWith(state, event.data, event.by, null);
        return withVersion(state, event.data.version, { status: "approved", approvals });
      }
      case "ModelVersionApprovalGiven": {
        const approvals = approvalsWith(state, event.data, event.by, event.data.stage);
        return withVersion(state, event.data.version, { approvals });
      }
      case "ModelVersionRejected":
        return withVersion(state, event.data.version, { status: "rejected", approvals: [] });
      case "ModelVersionStageChanged":
        return withStage(state, event.data);
      case "ModelVersionDeleted":
        return withVersion(state, event.data.version, { status: "deleted", stage: "None" });
      case "ModelAliasSet":
        return { ...state, aliases: new Map(state.aliases).set(event.data.alias, event.data.version) };
      case "ModelAliasRemoved":
        return { ...state, aliases: new Map([...state.aliases].filter(([alias]) => alias !== event.data.alias)) };
      case "ModelArchived":
        return { ...state, status: "archived" };
      case "ModelRenamed": {
        const formerNames = new Set(state.formerNames);
        if (state.name !== null) formerNames.add(state.name);
        formerNames.delete(event.data.name);
        return { ...state, name: event.data.name, formerNames };
      }
      case "ModelDescribed":
        return { ...state, description: event.data.description };
      case "ModelTagSet":
        return { ...state, tags: withValues(state.tags, { [event.data.key]: event.data.value }) };
      case "ModelTagRemoved":
        return { ...state, tags: withoutKey(state.tags, event.data.key) };
      case "ModelVersionDescribed":
        return withVersion(state, event.data.version, { description: event.data.description });
      case "ModelVersionTagSet": {
        const { version, key, value } = event.data;
        return withVersion(state, version, { tags: withValues(tagsOf(state, version), { [key]: value }) });
      }
      case "ModelVersionTagRemoved": {
        const { version, key } = event.data;
        return withVersion(state, version, { tags: withoutKey(tagsOf(state, version), key) });
      }
    }
  },
};

const decideVersion = (command: VersionCommand, state: Model, { actor, admin }: DecisionContext): ModelEvent[] => {
  const name = command.data.model;
  const asAdmin = admin === true ? { admin } : {};
  switch (command.type) {
    case "CreateModelVersion": {
      const { definition, reuse = true } = command.data;
      return reuse && sameVersion(state, definition) !== undefined
        ? []
        : [{ type: "ModelVersionCreated", data: { version: state.versions.length + 1, ...definition } }];
    }
    case "ApproveModelVersion": {
      const { version, comment } = command.data;
      const { status, approvals } = findVersion(state, name, version);
      return status === "approved" && approvals.some(({ by, stage }) => by === actor && stage === null)
        ? []
        : [{ type: "ModelVersionApproved", data: { version, comment, ...asAdmin } }];
    }
    case "GiveApproval": {
      const { version, stage, comment } = command.data;
      const { status, approvals } = findVersion(state, name, version);
      if (status === "rejected") {
        throw refused(`version ${version} of model "${name}" is rejected; ApproveModelVersion takes that back`);
      }
      return approvals.some((known) => known.by === actor && (known.stage === null || known.stage === stage))
        ? []
        : [{ type: "ModelVersionApprovalGiven", data: { version, stage, comment, ...asAdmin } }];
    }
    case "RejectModelVersion": {
      const { version, comment } = command.data;
      const { status, stage } = findVersion(state, name, version);
      if (status === "rejected") return [];
      const pointing = aliasesOf(state, version);
      if (pointing.length > 0) {
        throw refused(`version ${version} of model "${name}" has the alias ${pointing.join(", ")}; move it first`);
      }
      outOfStages(name, version, stage);
      return [{ type: "ModelVersionRejected", data: { version, comment } }];
    }
    case "TransitionStage":
      return transition(command.data, state);
    case "RollBackStage":
      return rollBack(command.data, state);
    case "DeleteModelVersion": {
      const { version } = command.data;
      if (state.versions[version - 1]?.status === "deleted") return [];
      outOfStages(name, version, findVersion(state, name, version).stage);
      return [
        ...aliasesOf(state, version).map((alias): ModelEvent => ({ type: "ModelAliasRemoved", data: { alias } })),
        { type: "ModelVersionDeleted", data: { version } },
      ];
    }
    case "SetModelAlias": {
      const { alias, version } = command.data;
      const { status, stage } = findVersion(state, name, version);
      if (status !== "approved" && !isGuarded(stage)) {
        throw refused(`version ${version} of model "${name}" is ${status}; approve it before it gets an alias`);
      }
      return state.aliases.get(alias) === version ? [] : [{ type: "ModelAliasSet", data: { alias, version } }];
    }
    case "RemoveModelAlias": {
      const { alias } = command.data;
      return state.aliases.has(alias) ? [{ type: "ModelAliasRemoved", data: { alias } }] : [];
    }
  }
};

const approvalsWith = (
  state: Model,
  { version, admin }: { version: number; admin?: true },
  by = "",
  stage: Approval["stage"],
): Approval[] => [...(state.versions[version - 1]?.approvals ?? []), { by, admin: admin === true, stage }];

const tagsOf = (state: Model, version: number): KeyValues => state.versions[version - 1]?.tags ?? new Map();

const active = (state: Model, name: string): void => {
  if (state.status === "archived") throw refused(`model "${name}" is archived; register one with another id`);
};

const outOfStages = (name: string, version: number, stage: Model["versions"][number]["stage"]): void => {
  if (isGuarded(stage)) throw refused(`version ${version} of model "${name}" holds ${stage}; move it first`);
};
