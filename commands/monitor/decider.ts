import type { MonitorDefinition, MonitorEvent } from "../../schemas/lifecycle/monitor.ts";
import type { Decider } from "../decider.ts";
import { sameValue } from "../identity.ts";
import type { Command } from "../payloads.ts";
import { existing, refused, taken } from "../refusals.ts";

export type Monitor = { definition: MonitorDefinition; status: "active" | "deleted" };

export type MonitorCommand = Command<"CreateMonitor"> | Command<"DeleteMonitor">;

/** What is watched. An id is used once, since results and alerts are told apart by it. */
export const monitor: Decider<Monitor | null, MonitorCommand, MonitorEvent> = {
  aggregate: "monitor",
  initial: null,

  decide(command, state) {
    const what = `monitor "${command.data.id}"`;
    switch (command.type) {
      case "CreateMonitor": {
        const { definition } = command.data;
        if (state === null) return [{ type: "MonitorCreated", data: definition }];
        if (state.status === "deleted") throw refused(`${what} was deleted; create one with another id`);
        if (sameValue(definition, state.definition)) return [];
        throw taken(what);
      }
      case "DeleteMonitor":
        return existing(state, what).status === "deleted" ? [] : [{ type: "MonitorDeleted", data: {} }];
    }
  },

  evolve(state, event) {
    switch (event.type) {
      case "MonitorCreated":
        return { definition: event.data, status: "active" };
      case "MonitorDeleted":
        return state && { ...state, status: "deleted" };
    }
  },
};
