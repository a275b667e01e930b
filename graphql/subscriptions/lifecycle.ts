import type { StoredEvent } from "../../infra/event-store/port.ts";
import { type Aggregate, parseStreamName, streamName } from "../../schemas/lifecycle.ts";
import { builder } from "../builder.ts";
import { allowRead, type GraphContext, reach } from "../context.ts";
import { LifecycleEvent } from "../types/lifecycle-event.ts";
import { Alert } from "../types/monitor.ts";
import { TrainingJob } from "../types/training-job.ts";
import { type BoundedQueue, boundedQueue, type Delivered } from "./bounded-queue.ts";

const QUEUE_EVENTS = 10_000;

const follow = async (
  context: GraphContext,
  wanted: (event: StoredEvent) => boolean,
): Promise<AsyncIterableIterator<Delivered<StoredEvent>>> => {
  let leave = (): void => {};
  const queue: BoundedQueue<StoredEvent> = boundedQueue(QUEUE_EVENTS, () => leave());
  leave = await context.feeds.lifecycle.add({
    event: (event) => {
      if (wanted(event)) queue.push(event);
    },
    failed: (error) => queue.fail(error),
  });
  return queue;
};

const ofAggregate = (event: StoredEvent, aggregate: Aggregate, project: string): boolean =>
  event.stream.startsWith(streamName(aggregate, project, ""));

builder.subscriptionField("lifecycleEvents", (t) =>
  t.field({
    type: LifecycleEvent,
    description: "The project's lifecycle events as they are appended.",
    args: {
      project: t.arg.string({ required: true }),
      types: t.arg.stringList({ description: "Event types such as ModelVersionApproved; all without it." }),
    },
    subscribe: async (_, { project, types }, context) => {
      await allowRead(context, "lifecycleEvents", project);
      return follow(
        context,
        (event) => parseStreamName(event.stream)?.project === project && (types == null || types.includes(event.type)),
      );
    },
    resolve: ({ value }) => value,
  }),
);

builder.subscriptionField("alerts", (t) =>
  t.field({
    type: Alert,
    nullable: true,
    description: "Alerts as they are raised, acknowledged and resolved.",
    args: { project: t.arg.string({ required: true }) },
    subscribe: async (_, { project }, context) => {
      await allowRead(context, "alerts", project);
      return follow(context, (event) => ofAggregate(event, "alert", project));
    },
    resolve: async ({ value }, { project }, context) => {
      await reach(context, value.position);
      return context.deps.documents.get("alerts", project, parseStreamName(value.stream)?.id ?? "");
    },
  }),
);

builder.subscriptionField("trainingProgress", (t) =>
  t.field({
    type: TrainingJob,
    nullable: true,
    description: "A training job whenever it has moved on.",
    args: { project: t.arg.string({ required: true }), job: t.arg.string({ required: true }) },
    subscribe: async (_, { project, job }, context) => {
      await allowRead(context, "trainingJob", project);
      return follow(context, (event) => event.stream === streamName("training-job", project, job));
    },
    resolve: async ({ value }, { project, job }, context) => {
      await reach(context, value.position);
      return context.deps.documents.get("trainingJobs", project, job);
    },
  }),
);
