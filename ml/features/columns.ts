import { MillraceError } from "../../schemas/errors.ts";
import type { Column } from "../../schemas/lifecycle/deployment.ts";
import { compileExpression, type Expression, fieldTypes } from "../cel/compile.ts";
import type { SourceInfo, ViewPlan } from "./view.ts";

/** What a column reads features from: a `ViewState`, or a look-up of blobs. Answers whether they are exact. */
export type FeatureReader = { read(entity: string, time: number, out: Float64Array, at: number): boolean };

export type ColumnPlan = {
  columns: Column[];
  /** Views used, in order. */
  views: ViewPlan[];
  /**
   * Builds one input row in out[at..at + columns.length]. readers[i] serves views[i]. NaN for missing; bools are 0 and
   * 1. An event that lacks a view's key fields reads the entity "", which no event feeds. Answers whether all features
   * are exact: whether no view is asked further back than it allows lateness.
   */
  write(
    event: Record<string, unknown>,
    time: number,
    readers: readonly FeatureReader[],
    out: Float32Array,
    at: number,
  ): boolean;
};

/**
 * Compiles the input columns of a model for events of the trigger. BAD_REQUEST or INVALID_EXPRESSION naming the
 * column: no columns, a name twice, an unknown view or feature, a view whose key fields the trigger lacks.
 */
export const planColumns = (
  columns: Column[],
  trigger: SourceInfo,
  views: ReadonlyMap<string, ViewPlan>,
): ColumnPlan => {
  if (columns.length === 0) throw new MillraceError("BAD_REQUEST", "A model needs at least one input column.");
  const fields = fieldTypes(trigger.schema);
  const used: ViewPlan[] = [];
  const names = new Set<string>();
  const features: { column: number; view: number; feature: number }[] = [];
  const expressions: { column: number; evaluate: Expression["evaluate"] }[] = [];

  columns.forEach(({ name, from }, column) => {
    if (names.has(name)) throw refused(name, "the name is there twice.");
    names.add(name);
    const reference = /^([A-Za-z0-9_-]+):([A-Za-z0-9_.-]+)$/.exec(from);
    if (reference === null) {
      expressions.push({ column, evaluate: compileColumn(name, from, fields).evaluate });
      return;
    }
    const [, viewName, feature] = reference;
    const view = views.get(viewName);
    if (view === undefined) {
      throw refused(
        name,
        `the feature view ${viewName} does not exist; known: ${[...views.keys()].join(", ") || "none"}.`,
      );
    }
    const index = view.featureNames.indexOf(feature);
    if (index < 0) {
      throw refused(name, `${viewName} has no feature ${feature}; its features: ${view.featureNames.join(", ")}.`);
    }
    const missing = view.definition.entity.key.filter((key) => !fields.has(key));
    if (missing.length > 0) {
      throw refused(name, `${viewName} is keyed by ${missing.join(", ")}, which ${trigger.name} does not have.`);
    }
    if (!used.includes(view)) used.push(view);
    features.push({ column, view: used.indexOf(view), feature: index });
  });

  const values = used.map((view) => new Float64Array(view.featureNames.length));
  return {
    columns,
    views: used,
    write: (event, time, readers, out, at) => {
      let exact = true;
      for (let v = 0; v < used.length; v++) {
        if (!readers[v].read(used[v].entityOf(event), time, values[v], 0)) exact = false;
      }
      for (let i = 0; i < features.length; i++) {
        const { column, view, feature } = features[i];
        out[at + column] = values[view][feature];
      }
      for (let i = 0; i < expressions.length; i++) {
        const value = expressions[i].evaluate(event, time);
        // Number(null) would be 0.
        out[at + expressions[i].column] = value === null ? Number.NaN : Number(value);
      }
      return exact;
    },
  };
};

const refused = (column: string, reason: string): MillraceError =>
  new MillraceError("BAD_REQUEST", `Column ${column}: ${reason}`, { details: { column } });

const compileColumn = (column: string, source: string, fields: ReturnType<typeof fieldTypes>): Expression => {
  try {
    return compileExpression(source, fields, "number|bool");
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    throw new MillraceError(error.code, `Column ${column}: ${error.message}`, {
      details: { ...error.details, column },
      cause: error,
    });
  }
};
