import type { ASTNode } from "@marcbachmann/cel-js";
import { binary, type Compiled, type Evaluate, expect, type Scope } from "./node.ts";
import { refusal } from "./refusal.ts";

type Comparison = "==" | "!=" | "<" | "<=" | ">" | ">=";

/** Comparison of two operands of one type; `== null` and `!= null` ask whether the other operand is missing. */
export const compareNode = (op: Comparison, node: ASTNode, left: Compiled, right: Compiled, scope: Scope): Compiled => {
  const equality = op === "==" || op === "!=";
  if (equality && (left.type === "null" || right.type === "null")) {
    const a = left.evaluate;
    const b = right.evaluate;
    const wanted = op === "==";
    return { type: "bool", evaluate: (event, time) => (a(event, time) === b(event, time)) === wanted };
  }
  if (left.type !== right.type || (!equality && left.type === "bool")) {
    throw refusal(scope.source, node.start, `\`${op}\` cannot compare a ${left.type} with a ${right.type}.`);
  }
  return { type: "bool", evaluate: comparison(op, left.evaluate, right.evaluate) };
};

const comparison = (op: Comparison, a: Evaluate, b: Evaluate): Evaluate => {
  switch (op) {
    case "==":
      return binary<unknown>(a, b, (x, y) => x === y);
    case "!=":
      return binary<unknown>(a, b, (x, y) => x !== y);
    case "<":
      return binary<number>(a, b, (x, y) => x < y);
    case "<=":
      return binary<number>(a, b, (x, y) => x <= y);
    case ">":
      return binary<number>(a, b, (x, y) => x > y);
    case ">=":
      return binary<number>(a, b, (x, y) => x >= y);
  }
};

/** Kleene's three-valued logic: one operand can decide although the other is null. */
export const logicNode = (op: "&&" | "||", node: ASTNode, left: Compiled, right: Compiled, scope: Scope): Compiled => {
  const a = expect(left, "bool", node, scope).evaluate;
  const b = expect(right, "bool", node, scope).evaluate;
  const decides = op === "||";
  const evaluate: Evaluate = (event, time) => {
    const x = a(event, time);
    if (x === decides) return decides;
    const y = b(event, time);
    if (y === decides) return decides;
    return x === null || y === null ? null : !decides;
  };
  return { type: "bool", evaluate };
};

/** `x in [literals]`. A null operand gives null, as in comparison. */
export const membershipNode = (
  operand: Compiled,
  items: (number | string | boolean | null)[],
  node: ASTNode,
  scope: Scope,
): Compiled => {
  for (const item of items) {
    const type = typeof item === "boolean" ? "bool" : typeof item;
    if (type !== operand.type) {
      throw refusal(
        scope.source,
        node.start,
        `\`in\` looks for a ${operand.type}, but the list holds ${String(item)}.`,
      );
    }
  }
  const members = new Set<unknown>(items);
  const { evaluate } = operand;
  const isMember: Evaluate = (event, time) => {
    const value = evaluate(event, time);
    return value === null ? null : members.has(value);
  };
  return { type: "bool", evaluate: isMember };
};
