import { problemOf, type Report } from "../../infra/report.ts";
import type { Application } from "../topology.ts";
import type { StreamsMetrics } from "./metrics.ts";
import type { Task } from "./task.ts";

export type FailingDeployments = {
  /** Looks at the tasks of this thread, of which some may not be open. */
  tell(slots: readonly { application: Application; task: Task | null }[]): void;
};

export type FailingDeploymentsOptions = {
  report: Report;
  metrics: StreamsMetrics;
  logger: { info(fields: object, message: string): void; error(fields: object, message: string): void };
};

/** Names each deployment whose model is not scored, or its drift not judged: to readiness, to the metrics and in the log. */
export const failingDeployments = ({ report, metrics, logger }: FailingDeploymentsOptions): FailingDeployments => {
  const told = new Map<string, string>();

  const name = (deployment: string, version: string, error: Error): void => {
    const problem = `${version}: ${problemOf(error)}`;
    if (told.get(deployment) === problem) return;
    told.set(deployment, problem);
    report(`deployment ${deployment}`, problem);
    metrics.failingDeployments.set({ deployment }, 1);
    logger.error({ deployment, version, err: error }, "a deployment's records become dead letters; the others go on");
  };

  return {
    tell: (slots) => {
      const failing = new Set<string>();
      for (const { application, task } of slots) {
        for (const stage of task?.parts.stages ?? []) {
          const found = stage.problem();
          if (found === null) continue;
          const deployment = `${application.project}/${stage.deployment.id}`;
          failing.add(deployment);
          name(deployment, found.version, found.error);
        }
      }
      for (const deployment of told.keys()) {
        if (failing.has(deployment)) continue;
        told.delete(deployment);
        report(`deployment ${deployment}`, null);
        metrics.failingDeployments.remove({ deployment });
        logger.info({ deployment }, "the deployment is scored again");
      }
    },
  };
};
