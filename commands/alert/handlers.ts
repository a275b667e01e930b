import { asGiven, handlersOf } from "../handler.ts";
import { alert } from "./decider.ts";

export const alertHandlers = handlersOf(alert, {
  RaiseAlert: { id: ({ id }) => id, prepare: asGiven("RaiseAlert") },
  AcknowledgeAlert: { id: ({ id }) => id, prepare: asGiven("AcknowledgeAlert") },
  ResolveAlert: { id: ({ id }) => id, prepare: asGiven("ResolveAlert") },
});
