import { MillraceError } from "../../schemas/errors.ts";
import type { Column } from "../../schemas/lifecycle.ts";
import type { SourceInfo, ViewPlan } from "./view.ts";

/** What a column reads features from: a `ViewState`, or a look-up of blobs. */
export type FeatureReader = { read(entity: string, time: number, out: Float64Array, at: number): void };

export type ColumnPlan = {
  columns: Column[];
  /** Views used, in order. */
  views: ViewPlan[];
  /** Builds one input row in out[at..]. readers[i] serves views[i]. NaN for missing. */
  write(
    event: Record<string, unknown>,
    time: number,
    readers: readonly FeatureReader[],
    out: Float32Array,
    at: number,
  ): void;
};

/** BAD_REQUEST or INVALID_EXPRESSION naming the column. */
export const planColumns = (
  columns: Column[],
  trigger: SourceInfo,
  views: ReadonlyMap<string, ViewPlan>,
): ColumnPlan => {
  throw new MillraceError("INTERNAL", `planColumns is being built: ${columns} ${trigger} ${views}`);
};
