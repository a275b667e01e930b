import type { AggregateFunction, FeatureDefinition } from "../../schemas/lifecycle/feature-view.ts";
import type { Expression } from "../cel/compile.ts";
import { identityOf, isSketch, type Kind, kindOf } from "./accumulators.ts";
import { type Span, spanOf } from "./window.ts";

/** Expressions of one source, each once; accumulators refer to them by index. */
export type SourceExpressions = { values: Expression[]; wheres: Expression[] };

/** A feature with its compiled expressions. */
export type CompiledFeature = { definition: FeatureDefinition; value: Expression | null; where: Expression | null };

/** One partial in every tile of a class. `slot` in the tile's doubles, or `sketch` among its sketches, -1 if not. */
export type Accumulator = {
  kind: Kind;
  source: string;
  /** Index among the source's value expressions, -1 for none. */
  value: number;
  /** Index among the source's predicates, -1 for none. */
  where: number;
  slot: number;
  sketch: number;
};

/** How a window of a tile class merges tiles into rows of its own, and reads features from such a row. */
export type WindowLayout = {
  span: Span;
  /** Doubles in a row, and its identity. */
  width: number;
  identity: Float64Array;
  kinds: Kind[];
  tileSlots: number[];
  rowSlots: number[];
  /** Sketches of the tile that the window needs, in row order. */
  sketches: number[];
  outputs: WindowOutput[];
};

export type WindowOutput = {
  feature: number;
  function: AggregateFunction;
  kind: Kind;
  /** Place in the row: a slot, or a sketch. */
  at: number;
  quantile: number;
};

/** Everything that shares one hop: its tiles hold the partials of all windows of that hop. */
export type TileClass = {
  hop: number;
  width: number;
  identity: Float64Array;
  sketchCount: number;
  accumulators: Accumulator[];
  bySource: Map<string, Accumulator[]>;
  windows: WindowLayout[];
  /** Tiles that ended so long before the entity's newest event are forgotten. */
  keepMs: number;
};

export type Layout = { expressions: Map<string, SourceExpressions>; classes: TileClass[] };

/** Lays partials out so that features with the same source, predicate and value share theirs. */
export const layoutOf = (features: readonly CompiledFeature[], allowedLatenessMs: number): Layout => {
  const expressions = new Map<string, SourceExpressions>();
  const classes = new Map<number, TileClass>();
  features.forEach((feature, index) => {
    const span = spanOf(feature.definition.windowMs);
    let tileClass = classes.get(span.hop);
    if (tileClass === undefined) {
      tileClass = emptyClass(span.hop);
      classes.set(span.hop, tileClass);
    }
    const accumulator = accumulatorOf(tileClass, feature, expressions);
    addToWindow(tileClass, span, accumulator, feature.definition, index);
    tileClass.keepMs = Math.max(tileClass.keepMs, (feature.definition.windowMs ?? 0) + allowedLatenessMs);
  });
  return { expressions, classes: [...classes.values()].sort((a, b) => a.hop - b.hop) };
};

/** Tiles of so many milliseconds, without accumulators yet. */
export const emptyClass = (hop: number): TileClass => ({
  hop,
  width: 0,
  identity: new Float64Array(0),
  sketchCount: 0,
  accumulators: [],
  bySource: new Map(),
  windows: [],
  keepMs: 0,
});

const accumulatorOf = (
  tileClass: TileClass,
  feature: CompiledFeature,
  expressions: Map<string, SourceExpressions>,
): Accumulator => {
  const { source } = feature.definition;
  const known = expressions.get(source) ?? { values: [], wheres: [] };
  expressions.set(source, known);
  const kind = kindOf(feature.definition.function);
  const value = indexOf(known.values, feature.value);
  const where = indexOf(known.wheres, feature.where);
  const existing = tileClass.accumulators.find(
    (other) => other.kind === kind && other.source === source && other.value === value && other.where === where,
  );
  if (existing !== undefined) return existing;

  const sketched = isSketch(kind);
  const accumulator: Accumulator = {
    kind,
    source,
    value,
    where,
    slot: sketched ? -1 : tileClass.width,
    sketch: sketched ? tileClass.sketchCount++ : -1,
  };
  tileClass.accumulators.push(accumulator);
  tileClass.bySource.set(source, [...(tileClass.bySource.get(source) ?? []), accumulator]);
  tileClass.identity = append(tileClass.identity, identityOf(kind));
  tileClass.width = tileClass.identity.length;
  return accumulator;
};

const indexOf = (known: Expression[], wanted: Expression | null): number => {
  if (wanted === null) return -1;
  const index = known.findIndex((expression) => expression.source === wanted.source);
  return index >= 0 ? index : known.push(wanted) - 1;
};

const addToWindow = (
  tileClass: TileClass,
  span: Span,
  accumulator: Accumulator,
  definition: FeatureDefinition,
  feature: number,
): void => {
  let window = tileClass.windows.find((other) => other.span.windowMs === span.windowMs);
  if (window === undefined) {
    window = emptyWindow(span);
    tileClass.windows.push(window);
  }
  window.outputs.push({
    feature,
    function: definition.function,
    kind: accumulator.kind,
    at: accumulator.sketch >= 0 ? sketchInRow(window, accumulator) : slotInRow(window, accumulator),
    quantile: definition.quantile ?? 0,
  });
};

const emptyWindow = (span: Span): WindowLayout => ({
  span,
  width: 0,
  identity: new Float64Array(0),
  kinds: [],
  tileSlots: [],
  rowSlots: [],
  sketches: [],
  outputs: [],
});

const slotInRow = (window: WindowLayout, accumulator: Accumulator): number => {
  const known = window.tileSlots.indexOf(accumulator.slot);
  if (known >= 0) return window.rowSlots[known];
  const at = window.width;
  window.kinds.push(accumulator.kind);
  window.tileSlots.push(accumulator.slot);
  window.rowSlots.push(at);
  window.identity = append(window.identity, identityOf(accumulator.kind));
  window.width = window.identity.length;
  return at;
};

const sketchInRow = (window: WindowLayout, accumulator: Accumulator): number => {
  const known = window.sketches.indexOf(accumulator.sketch);
  return known >= 0 ? known : window.sketches.push(accumulator.sketch) - 1;
};

const append = (to: Float64Array, values: readonly number[]): Float64Array => Float64Array.from([...to, ...values]);
