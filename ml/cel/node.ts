import type { ASTNode } from "@marcbachmann/cel-js";
import type { FieldTypes } from "./field-types.ts";
import { refusal } from "./refusal.ts";

export type Evaluate = (event: Record<string, unknown>, time: number) => unknown;
export type NodeType = "number" | "bool" | "string" | "null";
/** A checked node of the syntax tree. Its closure answers null, never undefined, for what is missing. */
export type Compiled = { type: NodeType; evaluate: Evaluate };
export type Scope = {
  source: string;
  fields: FieldTypes;
  used: Set<string>;
  /** What a node means where the language has names of its own; null leaves it to the usual meaning. */
  resolve?: (node: ASTNode, scope: Scope) => Compiled | null;
};

/** The operand itself, if it has the type. */
export const expect = (compiled: Compiled, type: NodeType, node: ASTNode, scope: Scope): Compiled => {
  if (compiled.type === type) return compiled;
  throw refusal(scope.source, node.start, `\`${symbol(node)}\` needs a ${type} here, but got a ${compiled.type}.`);
};

const symbol = (node: ASTNode): string => {
  if (node.op === "call" || node.op === "rcall") return `${node.args[0]}()`;
  return node.op.replace("_", "");
};

/** Null where either operand is null. */
export const binary =
  <T>(a: Evaluate, b: Evaluate, apply: (x: T, y: T) => unknown): Evaluate =>
  (event, time) => {
    const x = a(event, time);
    const y = b(event, time);
    return x === null || y === null ? null : apply(x as T, y as T);
  };
