import { ownRecordDecoder } from "../../schemas/codec.ts";
import { type DriftRecord, driftSchema, topicOf } from "../../schemas/topics.ts";
import { builder } from "../builder.ts";
import { allowRead } from "../context.ts";
import { DriftResult } from "../types/drift.ts";
import { type BoundedQueue, boundedQueue } from "./bounded-queue.ts";

const QUEUE_RECORDS = 1000;

const decode = ownRecordDecoder<DriftRecord>(driftSchema);

builder.subscriptionField("drift", (t) =>
  t.field({
    type: DriftResult,
    description: "What the monitors of a project find, drifted or not.",
    args: { project: t.arg.string({ required: true }), endpoint: t.arg.string() },
    subscribe: async (_, { project, endpoint }, context) => {
      await allowRead(context, "drift", project);
      let leave = (): void => {};
      const queue: BoundedQueue<DriftRecord> = boundedQueue(QUEUE_RECORDS, () => leave());
      leave = await context.feeds.topic(topicOf.drift(project)).add({
        mode: "scan",
        batch(batch) {
          for (let i = 0; i < batch.count; i++) {
            const value = decode(batch.bytes, batch.valueStart[i], batch.valueEnd[i]);
            if (value === null) continue;
            if (endpoint == null || value.endpoint === endpoint) queue.push(value);
          }
        },
        skipped: (count) => queue.skip(count),
        failed: (error) => queue.fail(error),
      });
      return queue;
    },
    resolve: ({ value }) => value,
  }),
);
