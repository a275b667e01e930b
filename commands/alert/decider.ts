import type { AlertDefinition, AlertEvent } from "../../schemas/lifecycle/alert.ts";
import type { Decider } from "../decider.ts";
import { sameValue } from "../identity.ts";
import type { Command } from "../payloads.ts";
import { existing, refused, taken } from "../refusals.ts";

export type Alert = { definition: AlertDefinition; status: "raised" | "acknowledged" | "resolved" };

export type AlertCommand = Command<"RaiseAlert"> | Command<"AcknowledgeAlert"> | Command<"ResolveAlert">;

/** One finding of a monitor, until somebody has dealt with it. A resolved alert stays resolved. */
export const alert: Decider<Alert | null, AlertCommand, AlertEvent> = {
  aggregate: "alert",
  initial: null,

  decide(command, state) {
    const what = `alert "${command.data.id}"`;
    if (command.type === "RaiseAlert") {
      const { definition } = command.data;
      if (state === null) return [{ type: "AlertRaised", data: definition }];
      if (sameValue(definition, state.definition)) return [];
      throw taken(what);
    }
    const { status } = existing(state, what);
    const { comment } = command.data;
    switch (command.type) {
      case "AcknowledgeAlert":
        if (status === "resolved") throw refused(`${what} is resolved; there is nothing left to acknowledge`);
        return status === "acknowledged" ? [] : [{ type: "AlertAcknowledged", data: { comment } }];
      case "ResolveAlert":
        return status === "resolved" ? [] : [{ type: "AlertResolved", data: { comment } }];
    }
  },

  evolve(state, event) {
    switch (event.type) {
      case "AlertRaised":
        return { definition: event.data, status: "raised" };
      case "AlertAcknowledged":
        return state && { ...state, status: "acknowledged" };
      case "AlertResolved":
        return state && { ...state, status: "resolved" };
    }
  },
};
