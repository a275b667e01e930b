import type { Clock } from "../../infra/clock.ts";
import type { EventStore } from "../../infra/event-store/port.ts";
import { type Aggregate, streamName } from "../../schemas/lifecycle.ts";
import type { Checks } from "../checks.ts";
import { type Experiment, experiment } from "../experiment/decider.ts";
import { existing, refused } from "../refusals.ts";
import { type Run, run } from "../run/decider.ts";
import { type Fold, stateReader } from "../state-reader.ts";
import { experimentNames } from "./experiment-names.ts";
import { modelNames } from "./model-names.ts";

/** What experiments, runs and logged models ask of each other. Only the stream in question is read. */
export const trackingChecks = (
  eventStore: EventStore,
  clock: Clock,
): Pick<Checks, "checkExperiment" | "checkRun" | "takeExperimentName" | "takeModelName"> => {
  const reader = stateReader(eventStore);
  const names = experimentNames(eventStore, reader.load, clock);
  const stateOf = async (aggregate: Aggregate, fold: unknown, project: string, id: string): Promise<unknown> =>
    (await reader.load(streamName(aggregate, project, id), fold as Fold)).state;

  return {
    async checkExperiment(project, id) {
      const state = (await stateOf("experiment", experiment, project, id)) as Experiment | null;
      const { status } = existing(state, `experiment "${id}"`);
      if (status === "deleted") throw refused(`experiment "${id}" is deleted; restore it first`);
    },

    async checkRun(project, id) {
      existing((await stateOf("run", run, project, id)) as Run | null, `run "${id}"`);
    },

    takeExperimentName: names.take,
    takeModelName: modelNames(eventStore, reader.load, clock).take,
  };
};
