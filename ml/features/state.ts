import { MillraceError } from "../../schemas/errors.ts";
import type { ViewPlan } from "./view.ts";

/** Feature state of one view in one partition. */
export type ViewState = {
  plan: ViewPlan;
  /** Entities known. */
  readonly size: number;
  /** Newest event time seen, UTC ms; -Infinity before the first. Set it after a restore. */
  watermark: number;
  /** Events dropped as late since the start. */
  readonly late: number;
  /** Folds one event of a source; false when dropped as late or of no interest. */
  apply(source: string, event: Record<string, unknown>, time: number): boolean;
  /**
   * Writes the view's features as of `time` for the entity into out[at..]; NaN where there is no value.
   * count, sum and rate are 0 for an entity without events, the others NaN.
   */
  read(entity: string, time: number, out: Float64Array, at: number): void;
  /** Entities changed since the last drain, with their whole state. The buffer is only valid during the call. */
  drain(emit: (entity: string, blob: Buffer) => void): void;
  restore(entity: string, blob: Buffer): void;
};

export const viewState = (plan: ViewPlan): ViewState => {
  throw new MillraceError("INTERNAL", `viewState is being built: ${plan.view}`);
};

/** A blob (from the changelog or the online store) evaluated as of a moment, ttl applied. One value a feature. */
export const evaluateBlob = (plan: ViewPlan, blob: Buffer, time: number): Float64Array => {
  throw new MillraceError("INTERNAL", `evaluateBlob is being built: ${plan.view} ${blob.length} ${time}`);
};
