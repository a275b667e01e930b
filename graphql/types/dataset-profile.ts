import type { Artifacts } from "../../infra/artifacts/port.ts";
import type { ColumnProfile, DatasetProfile as Profile } from "../../projections/clickhouse/datasets/profile.ts";
import { builder } from "../builder.ts";

const DatasetQuantile = builder.objectRef<ColumnProfile["quantiles"][number]>("DatasetQuantile").implement({
  fields: (t) => ({ level: t.exposeFloat("level"), value: t.exposeFloat("value") }),
});

const DatasetBin = builder.objectRef<ColumnProfile["histogram"][number]>("DatasetBin").implement({
  fields: (t) => ({ from: t.exposeFloat("from"), to: t.exposeFloat("to"), count: t.expose("count", { type: "Long" }) }),
});

const DatasetTopValue = builder.objectRef<ColumnProfile["top"][number]>("DatasetTopValue").implement({
  fields: (t) => ({ value: t.exposeString("value"), count: t.expose("count", { type: "Long" }) }),
});

const textOf = (bound: number | string | null): string | null => (bound === null ? null : String(bound));

const DatasetColumnProfile = builder.objectRef<ColumnProfile>("DatasetColumnProfile").implement({
  fields: (t) => ({
    name: t.exposeString("name"),
    type: t.exposeString("type"),
    kind: t.exposeString("kind", { description: "numeric, temporal, categorical or nested" }),
    count: t.expose("count", { type: "Long", description: "Values that are there." }),
    missing: t.expose("missing", { type: "Long", description: "NULL, or not a finite number." }),
    distinct: t.expose("distinct", { type: "Long", nullable: true, description: "Estimated." }),
    min: t.string({ nullable: true, resolve: ({ min }) => textOf(min) }),
    max: t.string({ nullable: true, resolve: ({ max }) => textOf(max) }),
    mean: t.exposeFloat("mean", { nullable: true }),
    std: t.exposeFloat("std", { nullable: true, description: "Of the sample (n - 1)." }),
    quantiles: t.expose("quantiles", {
      type: [DatasetQuantile],
      description: "Exact up to 400,000 rows, beyond that within 0.1 % of the rank.",
    }),
    histogram: t.expose("histogram", { type: [DatasetBin], description: "Bins of equal width." }),
    top: t.expose("top", { type: [DatasetTopValue], description: "The most frequent values, estimated." }),
  }),
});

export const DatasetProfile = builder.objectRef<Profile>("DatasetProfile").implement({
  fields: (t) => ({
    rows: t.expose("rows", { type: "Long" }),
    columns: t.expose("columns", { type: [DatasetColumnProfile] }),
  }),
});

/** NOT_FOUND, CORRUPT_ARTIFACT. */
export const readProfile = async (artifacts: Artifacts, digest: string): Promise<Profile> =>
  JSON.parse((await artifacts.read(digest)).toString()) as Profile;
