import type { DeploymentDefinition, DeploymentEvent } from "../../schemas/lifecycle/deployment.ts";
import type { Decider } from "../decider.ts";
import { sameValue } from "../identity.ts";
import type { Command } from "../payloads.ts";
import { existing, refused, taken } from "../refusals.ts";
import { checkColumnNames } from "./columns.ts";
import { checkSplit } from "./split.ts";

export type Deployment = { definition: DeploymentDefinition; status: "active" | "stopped" };

export type DeploymentCommand = Command<"CreateDeployment"> | Command<"ChangeTraffic"> | Command<"StopDeployment">;

/** An endpoint: who asks, what the models see, who answers. That versions are approved was checked before. */
export const deployment: Decider<Deployment | null, DeploymentCommand, DeploymentEvent> = {
  aggregate: "deployment",
  initial: null,

  decide(command, state) {
    const what = `deployment "${command.data.id}"`;
    if (command.type === "CreateDeployment") {
      const { id: _, ...definition } = command.data;
      checkSplit(definition.split);
      checkColumnNames(definition.columns);
      if (state === null) return [{ type: "DeploymentCreated", data: definition }];
      active(state, what);
      if (sameValue(definition, state.definition)) return [];
      throw taken(what);
    }
    const current = existing(state, what);
    switch (command.type) {
      case "ChangeTraffic": {
        active(current, what);
        const { split } = command.data;
        checkSplit(split);
        return sameValue(split, current.definition.split) ? [] : [{ type: "TrafficChanged", data: { split } }];
      }
      case "StopDeployment":
        return current.status === "stopped" ? [] : [{ type: "DeploymentStopped", data: {} }];
    }
  },

  evolve(state, event) {
    switch (event.type) {
      case "DeploymentCreated":
        return { definition: event.data, status: "active" };
      case "TrafficChanged":
        return state && { ...state, definition: { ...state.definition, split: event.data.split } };
      case "DeploymentStopped":
        return state && { ...state, status: "stopped" };
    }
  },
};

const active = (state: Deployment, what: string): void => {
  if (state.status === "stopped") throw refused(`${what} is stopped; create one with another id`);
};
