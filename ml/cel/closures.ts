import type { ASTNode } from "@marcbachmann/cel-js";
import { MillraceError } from "../../schemas/errors.ts";
import { callNode, hasNode, methodNode } from "./calls.ts";
import { compareNode, logicNode, membershipNode } from "./logic.ts";
import { binary, type Compiled, type Evaluate, expect, type Scope } from "./node.ts";
import { field, identifier, literal, literalValue } from "./operands.ts";
import { refusal } from "./refusal.ts";

/** Type-checks one node of the syntax tree and compiles it to a closure. */
export const compileNode = (node: ASTNode, scope: Scope): Compiled => {
  const resolved = scope.resolve?.(node, scope) ?? null;
  if (resolved !== null) return resolved;
  switch (node.op) {
    case "value":
      return literal(node, scope);
    case "id":
      return identifier(node, scope);
    case ".":
      return field(node, scope);
    case "+":
    case "-":
    case "*":
    case "/":
    case "%":
      return arithmetic(node.op, node, compileNode(node.args[0], scope), compileNode(node.args[1], scope), scope);
    case "-_": {
      const { evaluate } = expect(compileNode(node.args, scope), "number", node, scope);
      return { type: "number", evaluate: (event, time) => negate(evaluate(event, time)) };
    }
    case "==":
    case "!=":
    case "<":
    case "<=":
    case ">":
    case ">=":
      return compareNode(node.op, node, compileNode(node.args[0], scope), compileNode(node.args[1], scope), scope);
    case "&&":
    case "||":
      return logicNode(node.op, node, compileNode(node.args[0], scope), compileNode(node.args[1], scope), scope);
    case "!_": {
      const { evaluate } = expect(compileNode(node.args, scope), "bool", node, scope);
      return { type: "bool", evaluate: (event, time) => not(evaluate(event, time)) };
    }
    case "in":
      return membershipNode(compileNode(node.args[0], scope), listOf(node.args[1], scope), node, scope);
    case "?:":
      return ternary(node.args, node, scope);
    case "call":
      return node.args[0] === "has"
        ? hasNode(node.args[1], node, scope)
        : callNode(node.args[0], compileAll(node.args[1], scope), node, scope);
    case "rcall":
      return methodNode(node.args[0], compileNode(node.args[1], scope), compileAll(node.args[2], scope), node, scope);
    default:
      throw refusal(scope.source, node.start, `\`${node.op}\` is not supported in expressions here.`);
  }
};

const arithmetic = (op: string, node: ASTNode, left: Compiled, right: Compiled, scope: Scope): Compiled => {
  const a = left.evaluate;
  const b = right.evaluate;
  if (op === "+" && left.type === "string") {
    expect(right, "string", node, scope);
    return { type: "string", evaluate: binary<string>(a, b, joined) };
  }
  expect(left, "number", node, scope);
  expect(right, "number", node, scope);
  // One literal closure an operator: each stays monomorphic, which a table of functions would not.
  switch (op) {
    case "+":
      return { type: "number", evaluate: binary<number>(a, b, (x, y) => x + y) };
    case "-":
      return { type: "number", evaluate: binary<number>(a, b, (x, y) => x - y) };
    case "*":
      return { type: "number", evaluate: binary<number>(a, b, (x, y) => x * y) };
    case "/":
      return { type: "number", evaluate: binary<number>(a, b, (x, y) => x / y) };
    default:
      return { type: "number", evaluate: binary<number>(a, b, (x, y) => x % y) };
  }
};

/** UTF-16 units of a text that an expression makes: a few `+` of a long field would be a gigabyte. */
const MOST_TEXT = 1 << 20;

const joined = (x: string, y: string): string => {
  if (x.length + y.length <= MOST_TEXT) return x + y;
  throw new MillraceError(
    "INVALID_RECORD",
    `an expression joins texts to ${x.length + y.length} characters; at most ${MOST_TEXT} are allowed`,
  );
};

const negate = (value: unknown): unknown => (value === null ? null : -(value as number));
const not = (value: unknown): unknown => (value === null ? null : !value);

const ternary = (args: [ASTNode, ASTNode, ASTNode], node: ASTNode, scope: Scope): Compiled => {
  const condition = expect(compileNode(args[0], scope), "bool", node, scope).evaluate;
  const yes = compileNode(args[1], scope);
  const no = compileNode(args[2], scope);
  if (yes.type !== no.type && yes.type !== "null" && no.type !== "null") {
    throw refusal(scope.source, node.start, `Both branches of \`?:\` must agree: ${yes.type} and ${no.type}.`);
  }
  const evaluate: Evaluate = (event, time) => {
    const chosen = condition(event, time);
    if (chosen === null) return null;
    return chosen === true ? yes.evaluate(event, time) : no.evaluate(event, time);
  };
  return { type: yes.type === "null" ? no.type : yes.type, evaluate };
};

const compileAll = (nodes: ASTNode[], scope: Scope): Compiled[] => nodes.map((node) => compileNode(node, scope));

const listOf = (node: ASTNode, scope: Scope): (number | string | boolean | null)[] => {
  if (node.op !== "list") {
    throw refusal(scope.source, node.start, "`in` is supported for a list of literals only, as in `x in [1, 2]`.");
  }
  return node.args.map((item) => literalValue(item, scope));
};
