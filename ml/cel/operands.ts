import type { ASTNode } from "@marcbachmann/cel-js";
import type { Compiled, Scope } from "./node.ts";
import { refusal } from "./refusal.ts";

/** The value of a literal number, string or bool; a refusal for other literals. */
export const literalValue = (node: ASTNode, scope: Scope): number | string | boolean | null => {
  const negated = node.op === "-_";
  const inner = negated ? (node.args as ASTNode) : node;
  const value: unknown = inner.op === "value" ? inner.args : undefined;
  if (typeof value === "bigint") {
    const number = Number(value);
    if (!Number.isSafeInteger(number)) {
      throw refusal(scope.source, node.start, "The integer is beyond what a double holds exactly.");
    }
    return negated ? -number : number;
  }
  if (typeof value === "number") return negated ? -value : value;
  if (!negated && (typeof value === "string" || typeof value === "boolean" || value === null)) return value;
  throw refusal(scope.source, node.start, "Only literal numbers, strings, bools and null are supported here.");
};

export const literal = (node: ASTNode, scope: Scope): Compiled => {
  const value = literalValue(node, scope);
  const type = value === null ? "null" : typeof value === "boolean" ? "bool" : (typeof value as "number" | "string");
  return { type, evaluate: () => value };
};

export const identifier = (node: ASTNode, scope: Scope): Compiled => {
  if (node.args === "time") return { type: "number", evaluate: (_event, time) => time };
  const hint =
    node.args === "event" ? "name one of its fields, as in `event.x`" : "known are `event.<field>` and `time`";
  throw refusal(scope.source, node.start, `\`${String(node.args)}\` cannot be used here: ${hint}.`);
};

export const field = (node: ASTNode & { op: "." }, scope: Scope): Compiled => {
  const [target, name] = node.args;
  if (target.op !== "id" || target.args !== "event") {
    throw refusal(scope.source, node.pos, `Only fields of \`event\` can be accessed; \`.${name}\` is not one.`);
  }
  const known = scope.fields.get(name);
  if (known === undefined) {
    const names = [...scope.fields.keys()].join(", ");
    throw refusal(scope.source, node.start, `The event has no field \`${name}\`; known fields: ${names}.`);
  }
  if (known.type === "other") {
    throw refusal(scope.source, node.start, `The field \`${name}\` is neither a number nor a string nor a boolean.`);
  }
  scope.used.add(name);
  return { type: known.type, evaluate: (event) => event[name] ?? null };
};
