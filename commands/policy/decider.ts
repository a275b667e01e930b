import { MillraceError } from "../../schemas/errors.ts";
import type { PolicyDefinition, PolicyEvent } from "../../schemas/lifecycle/policy.ts";
import type { Decider } from "../decider.ts";
import { sameValue } from "../identity.ts";
import type { Command } from "../payloads.ts";

/** Of one stage; null where there is none, or none any more. */
export type Policy = PolicyDefinition | null;

export type PolicyCommand = Command<"SetPolicy"> | Command<"RemovePolicy">;

/** What versions must show before they enter a stage of the project. Its id is the stage. */
export const policy: Decider<Policy, PolicyCommand, PolicyEvent> = {
  aggregate: "policy",
  initial: null,

  decide(command, state) {
    if (command.type === "RemovePolicy") return state === null ? [] : [{ type: "PolicyRemoved", data: {} }];
    const { fourEyes, approvals, roles } = command.data;
    if (roles.includes("Regular_User")) {
      throw new MillraceError("BAD_REQUEST", "roles: a Regular_User only reads; name Admin, Data_Scientist, or both");
    }
    if (fourEyes && approvals === 0) {
      throw new MillraceError("BAD_REQUEST", "fourEyes: it is about approvals, but none are asked for; ask for one");
    }
    return sameValue(state, command.data) ? [] : [{ type: "PolicySet", data: command.data }];
  },

  evolve(_, event) {
    return event.type === "PolicySet" ? event.data : null;
  },
};
