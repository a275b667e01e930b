import { availableParallelism } from "node:os";
import { jobProcess } from "../../training/runner.ts";
import { runTrainingWorker } from "../../training/worker.ts";
import { openCommandBus } from "../command-bus.ts";
import type { Role } from "../role.ts";

/** Runs training jobs, each in a process of its own with a trainer thread a core. */
export const trainingRole: Role = async ({ engines, settings, logger, signal, ready }) => {
  const { commands, close } = openCommandBus(engines, settings, logger);
  ready();
  try {
    await runTrainingWorker({
      eventStore: engines.eventStore,
      dispatch: commands.dispatch,
      runJob: jobProcess(settings, availableParallelism()),
      signal,
      logger,
    });
  } finally {
    await close();
  }
};
