import type { AggregateFunction } from "../../schemas/lifecycle/feature-view.ts";

/**
 * Partials that a tile holds, as doubles side by side ("slots"). Every merge here is commutative bit for bit, and
 * the identity changes nothing, so a fold's result depends on its grouping alone, which `window.ts` fixes.
 * No accumulator ever holds NaN or -0: missing values are not folded and `+ 0` normalises zero.
 */
export const Kind = {
  count: 0,
  sum: 1,
  mean: 2,
  min: 3,
  max: 4,
  variance: 5,
  last: 6,
  distinct: 7,
  quantile: 8,
} as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

/** Slots: count [n]; sum [sum]; mean [n, sum]; min, max [value]; variance [n, mean, M2]; last [time, value]. */
const identities: Record<Kind, readonly number[]> = {
  [Kind.count]: [0],
  [Kind.sum]: [0],
  [Kind.mean]: [0, 0],
  [Kind.min]: [Number.POSITIVE_INFINITY],
  [Kind.max]: [Number.NEGATIVE_INFINITY],
  [Kind.variance]: [0, 0, 0],
  [Kind.last]: [Number.NEGATIVE_INFINITY, 0],
  [Kind.distinct]: [],
  [Kind.quantile]: [],
};

export const identityOf = (kind: Kind): readonly number[] => identities[kind];

export const isSketch = (kind: Kind): boolean => kind === Kind.distinct || kind === Kind.quantile;

export const kindOf = (name: AggregateFunction): Kind => (name === "rate" ? Kind.count : Kind[name]);

/** Folds one value into the slots at `at`. `value` is unused by count. */
export const foldValue = (kind: Kind, slots: Float64Array, at: number, value: number, time: number): void => {
  switch (kind) {
    case Kind.count:
      slots[at]++;
      return;
    case Kind.sum:
      slots[at] += value;
      return;
    case Kind.mean:
      slots[at]++;
      slots[at + 1] += value;
      return;
    case Kind.min:
      if (value < slots[at]) slots[at] = value;
      return;
    case Kind.max:
      if (value > slots[at]) slots[at] = value;
      return;
    case Kind.variance: {
      // Welford 1962.
      const count = slots[at] + 1;
      const delta = value - slots[at + 1];
      const mean = slots[at + 1] + delta / count;
      slots[at] = count;
      slots[at + 1] = mean;
      slots[at + 2] += delta * (value - mean);
      return;
    }
    case Kind.last:
      // Of equal times the one that came later wins.
      if (time >= slots[at]) {
        slots[at] = time;
        slots[at + 1] = value;
      }
      return;
  }
};

/** Merges the slots of one accumulator at `from[fromAt..]` into `into[intoAt..]`. */
export const mergeSlots = (
  kind: Kind,
  into: Float64Array,
  intoAt: number,
  from: Float64Array,
  fromAt: number,
): void => {
  switch (kind) {
    case Kind.count:
    case Kind.sum:
      into[intoAt] += from[fromAt];
      return;
    case Kind.mean:
      into[intoAt] += from[fromAt];
      into[intoAt + 1] += from[fromAt + 1];
      return;
    case Kind.min:
      if (from[fromAt] < into[intoAt]) into[intoAt] = from[fromAt];
      return;
    case Kind.max:
      if (from[fromAt] > into[intoAt]) into[intoAt] = from[fromAt];
      return;
    case Kind.variance:
      mergeVariance(into, intoAt, from, fromAt);
      return;
    case Kind.last:
      // Tiles do not share times, so there is no tie between different ones.
      if (from[fromAt] > into[intoAt]) {
        into[intoAt] = from[fromAt];
        into[intoAt + 1] = from[fromAt + 1];
      }
      return;
  }
};

/** Chan, Golub, LeVeque 1979, written so that swapping the sides gives the same bits. */
const mergeVariance = (into: Float64Array, intoAt: number, from: Float64Array, fromAt: number): void => {
  const a = into[intoAt];
  const b = from[fromAt];
  if (b === 0) return;
  if (a === 0) {
    into[intoAt] = b;
    into[intoAt + 1] = from[fromAt + 1];
    into[intoAt + 2] = from[fromAt + 2];
    return;
  }
  const count = a + b;
  const meanA = into[intoAt + 1];
  const meanB = from[fromAt + 1];
  const delta = meanB - meanA;
  into[intoAt] = count;
  into[intoAt + 1] = (a * meanA + b * meanB) / count;
  into[intoAt + 2] = into[intoAt + 2] + from[fromAt + 2] + (delta * delta * (a * b)) / count;
};

const HOUR = 3_600_000;

/**
 * The feature's value from its merged slots. Without events: 0 for count, sum and rate, else NaN.
 * rate is events per hour of windowMs; variance is the population's.
 */
export const featureValue = (name: AggregateFunction, slots: Float64Array, at: number, windowMs: number): number => {
  switch (name) {
    case "count":
    case "sum":
      return slots[at];
    case "rate":
      return slots[at] / (windowMs / HOUR);
    case "mean":
      return slots[at] === 0 ? Number.NaN : slots[at + 1] / slots[at];
    case "min":
    case "max":
      return Number.isFinite(slots[at]) ? slots[at] : Number.NaN;
    case "variance":
      return slots[at] === 0 ? Number.NaN : slots[at + 2] / slots[at];
    case "last":
      return slots[at] === Number.NEGATIVE_INFINITY ? Number.NaN : slots[at + 1];
    case "distinct":
    case "quantile":
      return Number.NaN;
  }
};
