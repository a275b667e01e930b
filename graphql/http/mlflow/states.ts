import type { LoggedModel } from "../../../commands/logged-model/decider.ts";
import { loggedModel } from "../../../commands/logged-model/decider.ts";
import { type Run, run } from "../../../commands/run/decider.ts";
import { type Fold, stateReader } from "../../../commands/state-reader.ts";
import type { EventStore } from "../../../infra/event-store/port.ts";
import { streamName } from "../../../schemas/lifecycle.ts";

/** Runs and logged models as every answered command has left them, with their files; null where there is none. */
export type TrackedStates = {
  run(project: string, id: string): Promise<Run | null>;
  loggedModel(project: string, id: string): Promise<LoggedModel | null>;
};

export const trackedStates = (eventStore: EventStore): TrackedStates => {
  const { load } = stateReader(eventStore);
  return {
    run: async (project, id) => (await load(streamName("run", project, id), run as Fold)).state as Run | null,
    loggedModel: async (project, id) =>
      (await load(streamName("logged-model", project, id), loggedModel as Fold)).state as LoggedModel | null,
  };
};
