import { constants, setPriority } from "node:os";
import { openArtifacts } from "../infra/artifacts/open.ts";
import { openBroker } from "../infra/broker/open.ts";
import { endWithParent } from "../infra/end-with-parent.ts";
import { openEventStore } from "../infra/event-store/open.ts";
import { openSchemaRegistry } from "../infra/schema-registry/open.ts";
import { asMillraceError } from "../schemas/errors.ts";
import { runTrainingJob, type TrainedModel } from "./job.ts";
import type { FromJob, ToJob } from "./runner.ts";

/**
 * The process of one training job (`runner.ts` starts it): its memory, its threads and its crash are its own.
 * It yields the processor to serving, and ends with its parent.
 */
const run = async ({ job, engines, workers }: ToJob): Promise<TrainedModel> => {
  const eventStore = await openEventStore(engines.eventStore);
  const broker = await openBroker(engines.broker);
  const artifacts = await openArtifacts(engines.artifacts);
  const registry = await openSchemaRegistry(engines.schemaRegistry, eventStore);
  try {
    return await runTrainingJob(job, {
      eventStore,
      broker,
      artifacts,
      registry,
      workers,
      onProgress: (progress) => say({ type: "progress", progress }),
    });
  } finally {
    await Promise.all([registry.close(), artifacts.close(), broker.close()]);
    await eventStore.close();
  }
};

const say = (message: FromJob): void => {
  if (process.connected) process.send?.(message);
};

const lastWords = (message: FromJob): void => {
  if (process.connected) process.send?.(message, () => process.exit(0));
  else process.exit(0);
};

endWithParent();
setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
process.on("disconnect", () => process.exit(1));
process.once("message", (message: ToJob) => {
  run(message).then(
    (model) => lastWords({ type: "done", model }),
    (error: unknown) => {
      const { code, message: text } = asMillraceError(error);
      lastWords({ type: "failed", code, message: text });
    },
  );
});
