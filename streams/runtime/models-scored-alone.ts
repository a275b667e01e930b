import type { StreamsMetrics } from "./metrics.ts";
import type { Task } from "./task.ts";

export type ModelsScoredAlone = {
  /** Looks at the tasks of this thread, of which some may not be open. */
  tell(slots: readonly { application: { project: string }; task: Task | null }[]): void;
};

/**
 * Names each version of which a row had another answer in a batch than alone: to the metrics and in the log. Its rows
 * are scored alone from then on; what it answered in batches before was looked at by samples only, and `verify` tells.
 */
export const modelsScoredAlone = (
  metrics: StreamsMetrics,
  logger: { warn(fields: object, message: string): void },
): ModelsScoredAlone => {
  const told = new Set<string>();
  return {
    tell: (slots) => {
      for (const { application, task } of slots) {
        for (const version of task?.parts.stages.flatMap((stage) => stage.differing()) ?? []) {
          const model = `${application.project}/${version}`;
          if (told.has(model)) continue;
          told.add(model);
          metrics.modelsScoredAlone.set({ model }, 1);
          logger.warn(
            { model },
            "a row has other last bits in a batch than alone; the version is scored row by row from now on",
          );
        }
      }
    },
  };
};
