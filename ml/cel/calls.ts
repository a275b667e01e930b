import type { ASTNode } from "@marcbachmann/cel-js";
import { codePoints, numberFunctions, stringFunctions } from "./functions.ts";
import { binary, type Compiled, type Evaluate, expect, type Scope } from "./node.ts";
import { field } from "./operands.ts";
import { refusal } from "./refusal.ts";

export const callNode = (name: string, operands: Compiled[], node: ASTNode, scope: Scope): Compiled => {
  if (name === "size") {
    requireArity(name, 1, operands.length, node, scope);
    return size(operands[0], node, scope);
  }
  const known = numberFunctions.get(name);
  if (known === undefined) {
    const names = [...numberFunctions.keys(), "size", "has"].join(", ");
    throw refusal(scope.source, node.start, `The function \`${name}\` is not known; known are: ${names}.`);
  }
  requireArity(name, known.arity, operands.length, node, scope);
  const [first, second] = operands.map((operand) => expect(operand, "number", node, scope).evaluate);
  const apply = known.apply;
  if (known.arity === 2) return { type: "number", evaluate: binary<number>(first, second, apply) };
  const evaluate: Evaluate = (event, time) => {
    const value = first(event, time);
    return value === null ? null : apply(value as number, 0);
  };
  return { type: "number", evaluate };
};

const requireArity = (name: string, wanted: number, given: number, node: ASTNode, scope: Scope): void => {
  if (wanted !== given) {
    throw refusal(scope.source, node.start, `\`${name}\` takes ${wanted} argument(s), not ${given}.`);
  }
};

/** `has(event.x)`: whether the field is there and not null. */
export const hasNode = (args: ASTNode[], node: ASTNode, scope: Scope): Compiled => {
  const arg = args[0];
  if (args.length !== 1 || arg.op !== ".") {
    throw refusal(scope.source, node.start, "`has` takes one field, as in `has(event.x)`.");
  }
  const { evaluate } = field(arg, scope);
  return { type: "bool", evaluate: (event, time) => evaluate(event, time) !== null };
};

const size = (operand: Compiled, node: ASTNode, scope: Scope): Compiled => {
  const { evaluate } = expect(operand, "string", node, scope);
  const measured: Evaluate = (event, time) => {
    const text = evaluate(event, time);
    return text === null ? null : codePoints(text as string);
  };
  return { type: "number", evaluate: measured };
};

export const methodNode = (
  name: string,
  text: Compiled,
  operands: Compiled[],
  node: ASTNode,
  scope: Scope,
): Compiled => {
  if (name === "size" && operands.length === 0) return size(text, node, scope);
  const apply = stringFunctions.get(name);
  if (apply === undefined) {
    const names = [...stringFunctions.keys(), "size"].join(", ");
    throw refusal(scope.source, node.start, `The method \`${name}\` is not known; known are: ${names}.`);
  }
  requireArity(name, 1, operands.length, node, scope);
  expect(text, "string", node, scope);
  const part = expect(operands[0], "string", node, scope);
  return { type: "bool", evaluate: binary<string>(text.evaluate, part.evaluate, apply) };
};
