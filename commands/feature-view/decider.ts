import type { FeatureViewDefinition, FeatureViewEvent } from "../../schemas/lifecycle/feature-view.ts";
import type { Decider } from "../decider.ts";
import { sameValue } from "../identity.ts";
import type { Command } from "../payloads.ts";
import { existing, refused, taken } from "../refusals.ts";

export type FeatureView = { version: number; definition: FeatureViewDefinition; status: "active" | "archived" };

export type FeatureViewCommand =
  | Command<"CreateFeatureView">
  | Command<"ChangeFeatureView">
  | Command<"ArchiveFeatureView">;

/** Features of one entity. A changed definition is a new version, because its values mean something else. */
export const featureView: Decider<FeatureView | null, FeatureViewCommand, FeatureViewEvent> = {
  aggregate: "feature-view",
  initial: null,

  decide(command, state) {
    const what = `feature view "${command.data.id}"`;
    if (command.type === "CreateFeatureView") {
      const { definition } = command.data;
      if (state === null) return [{ type: "FeatureViewCreated", data: { definition } }];
      active(state, what);
      if (sameValue(definition, state.definition)) return [];
      throw taken(what);
    }
    const current = existing(state, what);
    switch (command.type) {
      case "ChangeFeatureView": {
        active(current, what);
        const { definition } = command.data;
        return sameValue(definition, current.definition)
          ? []
          : [{ type: "FeatureViewChanged", data: { version: current.version + 1, definition } }];
      }
      case "ArchiveFeatureView":
        return current.status === "archived" ? [] : [{ type: "FeatureViewArchived", data: {} }];
    }
  },

  evolve(state, event) {
    switch (event.type) {
      case "FeatureViewCreated":
        return { version: 1, definition: event.data.definition, status: "active" };
      case "FeatureViewChanged":
        return state && { ...state, version: event.data.version, definition: event.data.definition };
      case "FeatureViewArchived":
        return state && { ...state, status: "archived" };
    }
  },
};

const active = (state: FeatureView, what: string): void => {
  if (state.status === "archived") throw refused(`${what} is archived; create one with another id`);
};
