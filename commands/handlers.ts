import { alertHandlers } from "./alert/handlers.ts";
import { datasetHandlers } from "./dataset/handlers.ts";
import { deploymentHandlers } from "./deployment/handlers.ts";
import { eventSourceHandlers } from "./event-source/handlers.ts";
import { experimentHandlers } from "./experiment/handlers.ts";
import { featureViewHandlers } from "./feature-view/handlers.ts";
import type { Handler } from "./handler.ts";
import { loggedModelHandlers } from "./logged-model/handlers.ts";
import { modelHandlers } from "./model/handlers.ts";
import { monitorHandlers } from "./monitor/handlers.ts";
import type { CommandType } from "./payloads.ts";
import { policyHandlers } from "./policy/handlers.ts";
import { projectHandlers } from "./project/handlers.ts";
import { runHandlers } from "./run/handlers.ts";
import { trainingJobHandlers } from "./training-job/handlers.ts";

/** Every command's handler; the type holds the table to the payloads'. */
export const handlers: Record<CommandType, Handler> = {
  ...projectHandlers,
  ...eventSourceHandlers,
  ...featureViewHandlers,
  ...modelHandlers,
  ...deploymentHandlers,
  ...monitorHandlers,
  ...alertHandlers,
  ...trainingJobHandlers,
  ...experimentHandlers,
  ...runHandlers,
  ...loggedModelHandlers,
  ...datasetHandlers,
  ...policyHandlers,
};
