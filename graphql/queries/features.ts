import type { OnlineFeatures as Vector } from "../../projections/online-features.ts";
import { MillraceError } from "../../schemas/errors.ts";
import { builder } from "../builder.ts";
import { allowRead } from "../context.ts";
import { finite } from "../missing.ts";
import { kindOf, NumberKind } from "../types/number-kind.ts";

const MAX_ENTITIES = 1000;

const FeatureStatus = builder.enumType("FeatureStatus", {
  values: {
    PRESENT: { description: "There is a state; single values may be missing all the same." },
    NOT_FOUND: { description: "No event of the entity was ever taken." },
    OUTSIDE_MAX_AGE: { description: "The newest event was older than the view's time to live at that moment." },
  } as const,
});

const FeatureVector = builder.objectRef<Vector>("FeatureVector").implement({
  fields: (t) => ({
    entity: t.exposeString("entity"),
    status: t.expose("status", { type: FeatureStatus }),
    at: t.expose("at", { type: "DateTime", description: "The moment as of which the windows were evaluated." }),
    values: t.floatList({
      nullable: { list: false, items: true },
      description:
        "In the order of the answer's features; null where there is none, or it is infinite: `kinds` says which.",
      resolve: ({ values }) => values.map((value) => finite(value ?? Number.NaN)),
    }),
    kinds: t.field({
      type: [NumberKind],
      resolve: ({ values }) => values.map((value) => kindOf(value ?? Number.NaN)),
    }),
  }),
});

const OnlineFeatures = builder.objectRef<{ view: string; features: string[]; vectors: Vector[] }>("OnlineFeatures");

OnlineFeatures.implement({
  description: "Features as of one moment, by entity.",
  fields: (t) => ({
    view: t.exposeString("view"),
    features: t.exposeStringList("features"),
    vectors: t.expose("vectors", { type: [FeatureVector] }),
  }),
});

builder.queryField("onlineFeatures", (t) =>
  t.field({
    type: OnlineFeatures,
    args: {
      project: t.arg.string({ required: true }),
      view: t.arg.string({ required: true }),
      entities: t.arg.stringList({ required: true, description: "Keys, at most 1000." }),
      features: t.arg.stringList({ description: "All of the view without it." }),
      at: t.arg({
        type: "DateTime",
        description:
          "Evaluate the newest state as of this moment instead of now, for replays of old events. What has left " +
          "the windows since is gone.",
      }),
    },
    resolve: async (_, { project, view, entities, features, at }, context) => {
      await allowRead(context, "onlineFeatures", project);
      if (entities.length > MAX_ENTITIES) {
        throw new MillraceError("BAD_REQUEST", `entities: at most ${MAX_ENTITIES}, got ${entities.length}`);
      }
      const asked = features ?? undefined;
      const vectors = await context.deps.onlineFeatures.get(project, view, entities, asked, at ?? undefined);
      const names = asked ?? (await namesOf(context.deps.documents.get("featureViews", project, view)));
      return { view, features: names, vectors };
    },
  }),
);

const namesOf = async (reading: Promise<{ definition: { features: { name: string }[] } } | null>): Promise<string[]> =>
  (await reading)?.definition.features.map(({ name }) => name) ?? [];
