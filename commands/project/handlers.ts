import { asGiven, handlersOf } from "../handler.ts";
import { project } from "./decider.ts";

const own = (_: unknown, id: string): string => id;

export const projectHandlers = handlersOf(project, {
  CreateProject: { id: ({ id }) => id, prepare: asGiven("CreateProject") },
  RenameProject: { id: own, prepare: asGiven("RenameProject") },
  GrantRole: { id: own, prepare: asGiven("GrantRole") },
  RevokeRole: { id: own, prepare: asGiven("RevokeRole") },
});
