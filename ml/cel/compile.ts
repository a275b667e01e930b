import { compileNode } from "./closures.ts";
import type { FieldTypes } from "./field-types.ts";
import type { Compiled, Scope } from "./node.ts";
import { parse } from "./parse.ts";
import { refusal } from "./refusal.ts";

export { type FieldTypes, fieldTypes } from "./field-types.ts";

export type ExpressionType = "number" | "bool" | "string";
export type Wants = ExpressionType | "number|bool" | "number|string";

export type Expression = {
  source: string;
  type: ExpressionType;
  /** number, boolean or string; null where an operand is null. `time` is the event time, UTC ms. */
  evaluate(event: Record<string, unknown>, time: number): unknown;
  /** Event fields used. */
  fields: string[];
};

/**
 * Compiles a CEL expression over `event` (its Avro fields) and `time` (event time, UTC ms) to closures.
 *
 * The syntax is CEL's; the arithmetic is not: every number is a double, as models want it, so `event.n / 2` of 3
 * is 1.5, division by zero is infinite or NaN, and `%` is JavaScript's remainder. There is no bigint on the hot path.
 * A missing or null operand makes arithmetic, comparison and functions null. `&&`, `||` and `!` are three-valued:
 * false && null is false, true || null is true. A null condition makes `?:` null. `== null` and `has(event.x)`
 * ask for null. What a null result means is the caller's: a predicate takes it as false, a value as missing.
 * `+` of texts longer than 2^20 together makes `evaluate` throw INVALID_RECORD; all else takes time that grows with the
 * expression and the fields that it names.
 *
 * INVALID_EXPRESSION with line, column and a caret for what does not parse, names an unknown field (the known ones
 * are listed), has the wrong type, or uses a construct outside of: literals, field access, + - * / %, comparison,
 * logic, `?:`, `in` a list of literals, startsWith, endsWith, contains, size, has, and `functions.ts`.
 */
export const compileExpression = (source: string, fields: FieldTypes, wants: Wants): Expression => {
  const scope: Scope = { source, fields, used: new Set() };
  const compiled = compileNode(parse(source), scope);
  if (!isWanted(compiled, wants)) {
    throw refusal(source, 0, `The expression is a ${compiled.type}, but a ${wants.replace("|", " or ")} is needed.`);
  }
  return {
    source,
    type: compiled.type as ExpressionType,
    evaluate: compiled.evaluate,
    fields: [...scope.used],
  };
};

const isWanted = (compiled: Compiled, wants: Wants): boolean => wants.split("|").includes(compiled.type);
