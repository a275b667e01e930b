import type { ObjectRef } from "@pothos/core";
import type { CommandResult } from "../../commands/bus.ts";
import type { CollectionName } from "../../projections/documents/types.ts";
import type { Aggregate } from "../../schemas/lifecycle.ts";
import { builder } from "../builder.ts";
import { reach } from "../context.ts";
import { Dataset } from "../types/dataset.ts";
import { Deployment } from "../types/deployment.ts";
import { EventSource } from "../types/event-source.ts";
import { Experiment } from "../types/experiment.ts";
import { FeatureView } from "../types/feature-view.ts";
import { Model, ModelVersion } from "../types/model.ts";
import { Alert, Monitor } from "../types/monitor.ts";
import { Policy } from "../types/policy.ts";
import { Project } from "../types/project.ts";
import { LoggedModel, Run } from "../types/run.ts";
import { TrainingJob } from "../types/training-job.ts";

/** What a command answered, and the version number that it was about, where it was about one. */
export type Answer = { result: CommandResult; project: string; version: number | null };

type Ref = ObjectRef<typeof builder.$inferSchemaTypes, never>;

/**
 * `<Aggregate>Result { position, revision, deduplicated, events, <node> }`. The node is read once the documents
 * reflect the position, so a caller reads its own write; it is only read when asked for.
 */
const resultOf = (name: string, field: string, collection: CollectionName, node: unknown) =>
  builder.objectRef<Answer>(`${name}Result`).implement({
    fields: (t) => ({
      position: t.string({
        description: "What was written; queries take it as afterPosition.",
        resolve: ({ result }) => result.position,
      }),
      revision: t.field({ type: "Long", resolve: ({ result }) => result.revision }),
      deduplicated: t.boolean({
        description: "The idempotency key was known: this is the answer of the first time.",
        resolve: ({ result }) => result.deduplicated,
      }),
      events: t.stringList({ description: "Types of the events written.", resolve: ({ result }) => result.events }),
      [field]: t.field({
        type: node as Ref,
        nullable: true,
        resolve: async ({ result, project }, _, context): Promise<never> => {
          await reach(context, result.position);
          return (await context.deps.documents.get(collection, project, result.id)) as never;
        },
      }),
      ...(name === "Model"
        ? {
            modelVersion: t.field({
              type: ModelVersion,
              nullable: true,
              resolve: async ({ result, project, version }, _, context) => {
                if (version === null) return null;
                await reach(context, result.position);
                return context.deps.documents.get("modelVersions", project, `${result.id}/${version}`);
              },
            }),
          }
        : {}),
    }),
  });

export const results: Record<Aggregate, ReturnType<typeof resultOf>> = {
  project: resultOf("Project", "project", "projects", Project),
  "event-source": resultOf("EventSource", "eventSource", "eventSources", EventSource),
  "feature-view": resultOf("FeatureView", "featureView", "featureViews", FeatureView),
  model: resultOf("Model", "model", "models", Model),
  deployment: resultOf("Deployment", "deployment", "deployments", Deployment),
  monitor: resultOf("Monitor", "monitor", "monitors", Monitor),
  alert: resultOf("Alert", "alert", "alerts", Alert),
  "training-job": resultOf("TrainingJob", "trainingJob", "trainingJobs", TrainingJob),
  experiment: resultOf("Experiment", "experiment", "experiments", Experiment),
  run: resultOf("Run", "run", "runs", Run),
  policy: resultOf("Policy", "policy", "policies", Policy),
  "logged-model": resultOf("LoggedModel", "loggedModel", "loggedModels", LoggedModel),
  dataset: resultOf("Dataset", "dataset", "datasets", Dataset),
};
