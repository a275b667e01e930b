import { MillraceError } from "../../schemas/errors.ts";
import { builder } from "../builder.ts";
import { allowRead } from "../context.ts";
import { Prediction, type PredictionNode } from "../types/prediction.ts";
import type { Delivered } from "./bounded-queue.ts";
import { predictionFeed } from "./prediction-feed.ts";

const LivePrediction = builder.objectRef<Delivered<PredictionNode>>("LivePrediction").implement({
  fields: (t) => ({
    prediction: t.field({ type: Prediction, resolve: ({ value }) => value }),
    skipped: t.field({
      type: "Long",
      description: "Predictions passed over since the last one, because there were too many or the reader was slow.",
      resolve: ({ skipped }) => skipped,
    }),
  }),
});

builder.subscriptionField("predictions", (t) =>
  t.field({
    type: LivePrediction,
    description:
      "Predictions as they are made. Without a filter a fast endpoint is thinned out; what was passed over is counted.",
    args: {
      project: t.arg.string({ required: true }),
      endpoint: t.arg.string({ required: true }),
      entity: t.arg.string({ description: "The message key." }),
      model: t.arg.string(),
      version: t.arg.int(),
      sampleRate: t.arg.float({ description: "Share of the predictions that are wanted, over 0 and up to 1." }),
    },
    subscribe: async (_, args, context) => {
      await allowRead(context, "predictions", args.project);
      const rate = args.sampleRate ?? 1;
      if (!(rate > 0 && rate <= 1)) {
        throw new MillraceError("BAD_REQUEST", `sampleRate: expected a number over 0 and up to 1, got ${rate}`);
      }
      if ((await context.deps.documents.get("deployments", args.project, args.endpoint)) === null) {
        throw new MillraceError("NOT_FOUND", `project "${args.project}" has no deployment "${args.endpoint}"`);
      }
      return predictionFeed(context.feeds, args);
    },
    resolve: (delivered) => delivered,
  }),
);
