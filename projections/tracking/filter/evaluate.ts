import type { Comparison, Field, Filter, OrderKey } from "./ast.ts";
import { likePattern } from "./like.ts";

/** The values of a field: none where it is missing, several only of a dataset. */
export type Values = (field: Field) => readonly (string | number)[];

/** Whether all conditions hold. What is missing meets no condition but `IS NULL`; NaN is unequal to everything. */
export const matcher = (filter: Filter): ((values: Values) => boolean) => {
  const tests = filter.map((comparison) => ({ comparison, holds: testOf(comparison) }));
  return (values) =>
    tests.every(({ comparison, holds }) =>
      comparison.type === "null"
        ? (values(comparison).length === 0) === (comparison.operator === "IS NULL")
        : values(comparison).some(holds),
    );
};

const testOf = (comparison: Comparison): ((value: string | number) => boolean) => {
  switch (comparison.type) {
    case "number": {
      const { operator, value: than } = comparison;
      return (value) => compareNumbers(Number(value), operator, than);
    }
    case "text": {
      const { operator, value: than } = comparison;
      if (operator === "=") return (value) => value === than;
      if (operator === "!=") return (value) => value !== than;
      const matches = likePattern(than, operator === "ILIKE");
      return (value) => matches(String(value));
    }
    case "list": {
      const values = new Set<string | number>(comparison.values);
      return (value) => values.has(value) === (comparison.operator === "IN");
    }
    case "null":
      return () => true;
  }
};

const compareNumbers = (value: number, operator: string, than: number): boolean => {
  switch (operator) {
    case "=":
      return value === than;
    case "!=":
      return value !== than;
    case ">":
      return value > than;
    case ">=":
      return value >= than;
    case "<":
      return value < than;
    default:
      return value <= than;
  }
};

/** A field's place in an order: numbers, then NaN, then what is missing, whichever way the order goes. */
export type Place = { rank: 0 | 1 | 2; value: string | number };

export const placeOf = (key: OrderKey, values: Values): Place => {
  const [value] = values(key);
  if (value === undefined) return { rank: 2, value: key.type === "number" ? 0 : "" };
  return Number.isNaN(value) ? { rank: 1, value: 0 } : { rank: 0, value };
};

export const comparePlaces = (a: Place, b: Place, ascending: boolean): number => {
  if (a.rank !== b.rank) return a.rank - b.rank;
  const compared = compareValues(a.value, b.value);
  return ascending ? compared : -compared;
};

/** Texts by their UTF-8 bytes, as the warehouse compares them. */
const compareValues = (a: string | number, b: string | number): number => {
  if (a === b) return 0;
  if (typeof a === "string" && typeof b === "string") return Buffer.compare(Buffer.from(a), Buffer.from(b));
  return a < b ? -1 : 1;
};

/** By these keys, one after the other; ties are left to the caller. */
export const comparator =
  (order: readonly OrderKey[]) =>
  (a: Values, b: Values): number => {
    for (const key of order) {
      const compared = comparePlaces(placeOf(key, a), placeOf(key, b), key.ascending);
      if (compared !== 0) return compared;
    }
    return 0;
  };
