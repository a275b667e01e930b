import { asGiven, handlersOf } from "../handler.ts";
import { policy } from "./decider.ts";

export const policyHandlers = handlersOf(policy, {
  SetPolicy: {
    id: ({ stage }) => stage,
    prepare: asGiven("SetPolicy", (data, { project, checks }) => checks.checkPolicy(project, data)),
    serial: "project",
  },
  RemovePolicy: { id: ({ stage }) => stage, prepare: asGiven("RemovePolicy"), serial: "project" },
});
