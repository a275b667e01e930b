import { MillraceError } from "../../schemas/errors.ts";
import type { FeatureDefinition, FeatureViewDefinition } from "../../schemas/lifecycle/feature-view.ts";
import { compileExpression, type Expression, type FieldTypes, fieldTypes } from "../cel/compile.ts";
import { type CompiledFeature, type Layout, layoutOf } from "./layout.ts";
import { windowLimits } from "./window.ts";

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
  /** Key fields of the event joined by \u001f; an event that lacks one belongs to no entity: "". */
  entityOf(event: Record<string, unknown>): string;
  /** Where the partials of its features lie. */
  layout: Layout;
};

/** INVALID_FEATURE_VIEW or INVALID_EXPRESSION, naming the feature, where the definition does not hold together. */
export const planView = (
  view: string,
  version: number,
  definition: FeatureViewDefinition,
  sources: SourceInfo[],
): ViewPlan => {
  const invalid = (reason: string): MillraceError =>
    new MillraceError("INVALID_FEATURE_VIEW", `Feature view ${view}: ${reason}`, { details: { view } });

  if (definition.features.length === 0) throw invalid("it has no features.");
  if (definition.entity.key.length === 0) throw invalid("its entity has no key fields.");
  requireDuration(definition.allowedLatenessMs, "allowedLatenessMs", invalid);
  if (definition.ttlMs !== null) requireDuration(definition.ttlMs, "ttlMs", invalid);

  const fields = new Map<string, FieldTypes>();
  const fieldsOf = (feature: FeatureDefinition): FieldTypes => {
    const known = fields.get(feature.source);
    if (known !== undefined) return known;
    const source = sources.find((candidate) => candidate.name === feature.source);
    if (source === undefined) {
      const names = sources.map((candidate) => candidate.name).join(", ") || "none";
      throw invalid(`feature ${feature.name} reads the unknown source ${feature.source}; known: ${names}.`);
    }
    const types = fieldTypes(source.schema);
    requireKey(definition, source.name, types, invalid);
    fields.set(source.name, types);
    return types;
  };

  const names = new Set<string>();
  const compiled = definition.features.map((feature): CompiledFeature => {
    if (names.has(feature.name)) throw invalid(`the feature ${feature.name} is there twice.`);
    names.add(feature.name);
    checkFeature(feature, invalid);
    return compileFeature(view, feature, fieldsOf(feature));
  });

  return {
    view,
    version,
    definition,
    featureNames: [...names],
    sources: [...fields.keys()],
    entityOf: entityReader(definition.entity.key),
    layout: layoutOf(compiled, definition.allowedLatenessMs),
  };
};

/** Whether the entity key contains the message key of every source of the view. */
export const isLocal = (plan: ViewPlan, sources: SourceInfo[]): boolean =>
  plan.sources.every((name) => {
    const source = sources.find((candidate) => candidate.name === name);
    return source !== undefined && plan.definition.entity.key.includes(source.key);
  });

type Invalid = (reason: string) => MillraceError;

const requireDuration = (value: number, name: string, invalid: Invalid): void => {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw invalid(`${name} must be a whole number of milliseconds, not ${value}.`);
  }
};

const requireKey = (definition: FeatureViewDefinition, source: string, types: FieldTypes, invalid: Invalid): void => {
  for (const key of definition.entity.key) {
    const field = types.get(key);
    if (field === undefined) throw invalid(`the key field ${key} is missing in source ${source}.`);
    if (field.type === "other") throw invalid(`the key field ${key} of source ${source} cannot be a key.`);
  }
};

const checkFeature = (feature: FeatureDefinition, invalid: Invalid): void => {
  const { name, windowMs, quantile } = feature;
  const counts = feature.function === "count" || feature.function === "rate";
  if (counts && feature.value !== undefined) {
    throw invalid(`feature ${name}: ${feature.function} takes no value; use \`where\` to pick the events that count.`);
  }
  if (!counts && feature.value === undefined) throw invalid(`feature ${name}: ${feature.function} needs a value.`);
  if (windowMs === null) {
    if (feature.function !== "last") throw invalid(`feature ${name}: only last goes without a window.`);
  } else if (!Number.isSafeInteger(windowMs) || windowMs < windowLimits.min || windowMs > windowLimits.max) {
    throw invalid(
      `feature ${name}: windowMs must be a whole number from ${windowLimits.min} (5 minutes) to ` +
        `${windowLimits.max} (3660 days), not ${windowMs}.`,
    );
  }
  if (feature.function === "quantile") {
    if (quantile === undefined || !(quantile > 0 && quantile < 1)) {
      throw invalid(`feature ${name}: quantile needs \`quantile\` between 0 and 1.`);
    }
  } else if (quantile !== undefined) {
    throw invalid(`feature ${name}: only the function quantile takes \`quantile\`.`);
  }
};

const compileFeature = (view: string, definition: FeatureDefinition, fields: FieldTypes): CompiledFeature => {
  const compile = (source: string, wants: "number|bool" | "number|string" | "bool"): Expression => {
    try {
      return compileExpression(source, fields, wants);
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      throw new MillraceError(error.code, `Feature ${view}:${definition.name}: ${error.message}`, {
        details: { ...error.details, view, feature: definition.name },
        cause: error,
      });
    }
  };
  const wants = definition.function === "distinct" ? "number|string" : "number|bool";
  return {
    definition,
    value: definition.value === undefined ? null : compile(definition.value, wants),
    where: definition.where === undefined ? null : compile(definition.where, "bool"),
  };
};

const SEPARATOR = "\u001f";

/** Specialised for one and two fields: this runs for every event. */
const entityReader = (key: readonly string[]): ((event: Record<string, unknown>) => string) => {
  const [first, second] = key;
  if (key.length === 1) {
    return (event) => {
      const value = event[first];
      return typeof value === "string" ? value : textOf(value);
    };
  }
  if (key.length === 2) {
    const joined = pairNames();
    return (event) => {
      const a = textOf(event[first]);
      const b = textOf(event[second]);
      return a === "" || b === "" ? "" : joined(a, b);
    };
  }
  return (event) => {
    const parts = key.map((field) => textOf(event[field]));
    return parts.includes("") ? "" : parts.join(SEPARATOR);
  };
};

const mostPairs = 100_000;

/** Pairs come again and again; one that was joined before is a string whose hash is known, and no garbage. */
const pairNames = (): ((a: string, b: string) => string) => {
  let byFirst = new Map<string, Map<string, string>>();
  let count = 0;
  return (a, b) => {
    let bySecond = byFirst.get(a);
    const known = bySecond?.get(b);
    if (known !== undefined) return known;
    if (count++ === mostPairs) {
      byFirst = new Map();
      bySecond = undefined;
      count = 1;
    }
    if (bySecond === undefined) {
      bySecond = new Map();
      byFirst.set(a, bySecond);
    }
    const name = a + SEPARATOR + b;
    bySecond.set(b, name);
    return name;
  };
};

const textOf = (value: unknown): string =>
  typeof value === "string" ? value : value === null || value === undefined ? "" : String(value);
