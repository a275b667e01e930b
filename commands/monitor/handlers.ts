import { asGiven, handlersOf } from "../handler.ts";
import { monitor } from "./decider.ts";

export const monitorHandlers = handlersOf(monitor, {
  CreateMonitor: {
    id: ({ id }) => id,
    prepare: asGiven("CreateMonitor", async (data, { project, state, checks }) => {
      if (state === null) await checks.checkMonitor(project, data.definition);
    }),
    serial: "project",
  },
  DeleteMonitor: { id: ({ id }) => id, prepare: asGiven("DeleteMonitor") },
});
