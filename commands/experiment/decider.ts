import { MillraceError } from "../../schemas/errors.ts";
import type { ExperimentEvent } from "../../schemas/lifecycle/experiment.ts";
import type { Decider } from "../decider.ts";
import { sameValue } from "../identity.ts";
import { type KeyValues, keyValues, withoutKey, withValues } from "../key-values.ts";
import type { Command } from "../payloads.ts";
import { existing, refused, taken } from "../refusals.ts";

type Created = Extract<ExperimentEvent, { type: "ExperimentCreated" }>["data"];

export type Experiment = {
  name: string;
  /** Names that it had and gave up: others may take them. */
  formerNames: ReadonlySet<string>;
  tags: KeyValues;
  status: "active" | "deleted";
  /** As it was made, by which a repeated create is recognised. */
  created: Created;
};

export type ExperimentCommand =
  | { type: "CreateExperiment"; data: Created & { id: string } }
  | Command<"RenameExperiment">
  | Command<"SetExperimentTag">
  | Command<"DeleteExperimentTag">
  | Command<"DeleteExperiment">
  | Command<"RestoreExperiment">;

/** The experiment for runs that name none; it is made on first use. */
export const defaultExperiment = { id: "0", name: "Default" } as const;

/** Runs that belong together. That its name is its own in the project, is seen to before it is decided. */
export const experiment: Decider<Experiment | null, ExperimentCommand, ExperimentEvent> = {
  aggregate: "experiment",
  initial: null,

  decide(command, state) {
    const { id } = command.data;
    const what = `experiment "${id}"`;
    if (command.type === "CreateExperiment") {
      const { id: _, ...data } = command.data;
      if (state !== null) {
        if (sameValue(data, state.created)) return [];
        throw taken(what);
      }
      if ((id === defaultExperiment.id) !== (data.name === defaultExperiment.name)) {
        const { id: zero, name } = defaultExperiment;
        throw new MillraceError("BAD_REQUEST", `id: "${zero}" is that of the experiment "${name}", and of no other`);
      }
      return [{ type: "ExperimentCreated", data }];
    }
    const current = existing(state, what);
    if (command.type === "DeleteExperiment") {
      return current.status === "deleted" ? [] : [{ type: "ExperimentDeleted", data: {} }];
    }
    if (command.type === "RestoreExperiment") {
      return current.status === "active" ? [] : [{ type: "ExperimentRestored", data: {} }];
    }
    if (current.status === "deleted") throw refused(`${what} is deleted; restore it first`);
    switch (command.type) {
      case "RenameExperiment": {
        const { name } = command.data;
        return name === current.name ? [] : [{ type: "ExperimentRenamed", data: { name } }];
      }
      case "SetExperimentTag": {
        const { key, value } = command.data;
        return current.tags.get(key) === value ? [] : [{ type: "ExperimentTagSet", data: { key, value } }];
      }
      case "DeleteExperimentTag": {
        const { key } = command.data;
        return current.tags.has(key) ? [{ type: "ExperimentTagDeleted", data: { key } }] : [];
      }
    }
  },

  evolve(state, event) {
    if (event.type === "ExperimentCreated") {
      const { name, tags } = event.data;
      return { name, formerNames: new Set(), tags: keyValues(tags), status: "active", created: event.data };
    }
    if (state === null) return state;
    switch (event.type) {
      case "ExperimentRenamed": {
        const formerNames = new Set(state.formerNames).add(state.name);
        formerNames.delete(event.data.name);
        return { ...state, name: event.data.name, formerNames };
      }
      case "ExperimentTagSet":
        return { ...state, tags: withValues(state.tags, { [event.data.key]: event.data.value }) };
      case "ExperimentTagDeleted":
        return { ...state, tags: withoutKey(state.tags, event.data.key) };
      case "ExperimentDeleted":
        return { ...state, status: "deleted" };
      case "ExperimentRestored":
        return { ...state, status: "active" };
    }
  },
};
