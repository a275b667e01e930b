import { MillraceError } from "../../schemas/errors.ts";
import type { FeatureViewDefinition } from "../../schemas/lifecycle.ts";

/** What is needed of an event source: its Avro record schema (JSON), its message key field, its event time field. */
export type SourceInfo = { name: string; topic: string; schema: string; key: string; timestamp: string };

/** A feature view, checked and compiled. */
export type ViewPlan = {
  view: string;
  version: number;
  definition: FeatureViewDefinition;
  featureNames: string[];
  /** Names of the sources that feed it. */
  sources: string[];
  /** Key fields of the event joined by \u001f. */
  entityOf(event: Record<string, unknown>): string;
};

/** INVALID_FEATURE_VIEW or INVALID_EXPRESSION, naming the feature, where the definition does not hold together. */
export const planView = (
  view: string,
  version: number,
  definition: FeatureViewDefinition,
  sources: SourceInfo[],
): ViewPlan => {
  throw new MillraceError("INTERNAL", `planView is being built: ${view} ${version} ${definition} ${sources}`);
};

/** Whether the entity key contains the message key of every source of the view. */
export const isLocal = (plan: ViewPlan, sources: SourceInfo[]): boolean =>
  sources
    .filter((source) => plan.sources.includes(source.name))
    .every((source) => plan.definition.entity.key.includes(source.key));
