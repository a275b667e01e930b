import { builder } from "../builder.ts";
import { Variant } from "../enums.ts";
import { finite } from "../missing.ts";
import { encodeNodeId } from "../node-id.ts";
import { kindOf, NumberKind } from "./number-kind.ts";

/** A prediction as the log or the warehouse holds it; the outcome is there once it was joined. */
export type PredictionNode = {
  id: string;
  project: string;
  endpoint: string;
  revision: number;
  model: string;
  version: number;
  variant: string;
  share: number;
  entity: string;
  key: string;
  eventTime: number;
  topic: string;
  partition: number;
  offset: number;
  positions: readonly number[];
  lookups: readonly { view: string; partition: number; offset: number }[];
  features: ArrayLike<number>;
  output: number;
  servedAt: number;
  latencyMs: number;
  runtime: string;
  late: boolean;
  outcome: number | null;
  outcomeAt: number | null;
  /** Where the outcome is not read with the prediction: asks for it, once however many fields want it. */
  met?: () => Promise<{ outcome: number; outcomeAt: number } | null>;
};

const outcomeOf = async ({ outcome, met }: PredictionNode): Promise<number | null> =>
  met === undefined ? outcome : ((await met())?.outcome ?? null);

type Named = { name: string; value: number };

const FeatureValue = builder.objectRef<Named>("FeatureValue").implement({
  fields: (t) => ({
    name: t.exposeString("name"),
    value: t.float({
      nullable: true,
      description: "null is missing, or infinite: `kind` says which.",
      resolve: ({ value }) => finite(value),
    }),
    kind: t.field({ type: NumberKind, resolve: ({ value }) => kindOf(value) }),
  }),
});

const Lookup = builder.objectRef<PredictionNode["lookups"][number]>("Lookup").implement({
  description: "What was read of a view that another task computes.",
  fields: (t) => ({
    view: t.exposeString("view"),
    partition: t.exposeInt("partition"),
    offset: t.expose("offset", { type: "Long" }),
  }),
});

export const Prediction = builder.objectRef<PredictionNode>("Prediction").implement({
  description: "One answer of one model version, with everything that led to it.",
  fields: (t) => ({
    id: t.exposeID("id", { description: "<endpoint>-<partition>-<offset>; a shadow adds -<model>.<version>." }),
    nodeId: t.id({
      description: "For lineage(of).",
      resolve: ({ project, id }) => encodeNodeId("Prediction", `${project}/${id}`),
    }),
    endpoint: t.exposeString("endpoint"),
    revision: t.exposeInt("revision", { description: "Deployment revision that routed it." }),
    model: t.exposeString("model"),
    version: t.exposeInt("version"),
    variant: t.field({ type: Variant, resolve: ({ variant }) => variant as "champion" }),
    share: t.exposeFloat("share"),
    entity: t.exposeString("entity"),
    key: t.exposeString("key", { description: "Business key of the outcome join." }),
    eventTime: t.expose("eventTime", { type: "DateTime" }),
    topic: t.exposeString("topic"),
    partition: t.exposeInt("partition"),
    offset: t.expose("offset", { type: "Long" }),
    positions: t.field({
      type: ["Long"],
      description: "Next offset of each of the task's inputs.",
      resolve: ({ positions }) => positions,
    }),
    lookups: t.expose("lookups", { type: [Lookup] }),
    features: t.floatList({
      nullable: { list: false, items: true },
      description:
        "As served, in the order of the deployment's columns; null is missing, or infinite: `featureKinds` says which.",
      resolve: ({ features }) => Array.from(features, finite),
    }),
    featureKinds: t.field({
      type: [NumberKind],
      resolve: ({ features }) => Array.from(features, kindOf),
    }),
    inputs: t.field({
      type: [FeatureValue],
      description: "The features by the names of the model version's columns.",
      resolve: async ({ project, model, version, features }, _, { deps }): Promise<Named[]> => {
        const document = await deps.documents.get("modelVersions", project, `${model}/${version}`);
        const columns = document?.columns ?? [];
        return Array.from(features, (value, i) => ({ name: columns[i] ?? `f${i}`, value }));
      },
    }),
    output: t.float({
      nullable: true,
      description:
        "Probability of the positive class, or the regressed value. null where the model answered NaN or an infinity: `outputKind` says which.",
      resolve: ({ output }) => finite(output),
    }),
    outputKind: t.field({ type: NumberKind, resolve: ({ output }) => kindOf(output) }),
    servedAt: t.expose("servedAt", { type: "DateTime" }),
    latencyMs: t.exposeFloat("latencyMs"),
    runtime: t.exposeString("runtime"),
    late: t.exposeBoolean("late", {
      description:
        "Whether its event came later than a view of its allows: windows may lack events, or hold some after it.",
    }),
    outcome: t.float({
      nullable: true,
      description: "null until it is known, and where it is no finite number: `outcomeKind` says which.",
      resolve: async (prediction) => {
        const outcome = await outcomeOf(prediction);
        return outcome === null ? null : finite(outcome);
      },
    }),
    outcomeKind: t.field({
      type: NumberKind,
      nullable: true,
      description: "null until the outcome is known.",
      resolve: async (prediction) => {
        const outcome = await outcomeOf(prediction);
        return outcome === null ? null : kindOf(outcome);
      },
    }),
    outcomeAt: t.field({
      type: "DateTime",
      nullable: true,
      resolve: ({ outcomeAt, met }) => (met === undefined ? outcomeAt : met().then((one) => one?.outcomeAt ?? null)),
    }),
  }),
});
