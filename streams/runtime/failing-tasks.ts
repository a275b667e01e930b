import type { Report } from "../../infra/report.ts";
import type { Slot } from "./slots.ts";
import { taskName } from "./step-watch.ts";

/** Reports tasks that fail, each as a part of its own, until they go on or are no longer this thread's. */
export const failingTasks = (report: Report): { tell(slots: readonly Slot[]): void } => {
  let told = new Set<string>();
  return {
    tell(slots) {
      if (told.size === 0 && slots.every(({ problem }) => problem === null)) return;
      const failing = new Set<string>();
      for (const { application, partition, problem } of slots) {
        if (problem === null) continue;
        const part = `task ${taskName({ application, partition })}`;
        failing.add(part);
        report(part, problem);
      }
      for (const part of told) if (!failing.has(part)) report(part, null);
      told = failing;
    },
  };
};
