import type { ASTNode } from "@marcbachmann/cel-js";
import { compileNode } from "./closures.ts";
import { type Compiled, expect, type Scope } from "./node.ts";
import { parse } from "./parse.ts";
import { refusal } from "./refusal.ts";

type Metrics = Readonly<Record<string, number>>;

/** The metrics that a gate names: of the version, and of the champion. */
type Named = { own: Set<string>; champion: Set<string> };

const CHAMPION = "champion.";

/** `a`, `a.b`, `champion.a.b`, `metrics["a/b"]`, `champion["a/b"]` as the name of a metric; null for anything else. */
const pathOf = (node: ASTNode): string | null => {
  if (node.op === "id") return node.args;
  if (node.op === ".") {
    const target = pathOf(node.args[0]);
    return target === null ? null : `${target}.${node.args[1]}`;
  }
  if (node.op !== "[]") return null;
  const [target, name] = node.args;
  if (name.op !== "value" || typeof name.args !== "string" || target.op !== "id") return null;
  if (target.args === "metrics") return name.args;
  return target.args === "champion" ? `${CHAMPION}${name.args}` : null;
};

const metric = (path: string, named: Named): Compiled => {
  const ofChampion = path.startsWith(CHAMPION);
  named[ofChampion ? "champion" : "own"].add(ofChampion ? path.slice(CHAMPION.length) : path);
  return { type: "number", evaluate: (values) => (Object.hasOwn(values, path) ? values[path] : null) };
};

const resolveName = (node: ASTNode, scope: Scope, named: Named): Compiled | null => {
  if (node.op === "call" && node.args[0] === "has") {
    const [asked] = node.args[1];
    const path = asked === undefined ? null : pathOf(asked);
    if (path === null) throw refusal(scope.source, node.start, "`has` takes one metric, as in `has(champion.auc)`.");
    return { type: "bool", evaluate: (values) => Object.hasOwn(values, path) };
  }
  const path = pathOf(node);
  if (path === null) return null;
  if (path === "has_champion") return { type: "bool", evaluate: (values) => values.has_champion };
  if (path === "champion" || path === "metrics") {
    throw refusal(scope.source, node.start, `\`${path}\` is no metric: name one, as in \`${path}["auc"]\`.`);
  }
  return metric(path, named);
};

const words: Record<string, string> = { and: "&& ", or: "||", not: "!  " };

/** `and`, `or` and `not` as CEL writes them, of the same length, so that a position stays what it is. */
const withoutWords = (source: string): string =>
  source.replaceAll(
    /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|(?<![\w.])(and|or|not)(?!\w)/g,
    (found, word) => words[word] ?? found,
  );

const missingFrom = (names: Iterable<string>, values: Metrics): string[] =>
  [...names].filter((name) => !Object.hasOwn(values, name));

/**
 * Compiles a CEL expression over metrics: `auc >= 0.7 && auc >= champion.auc - 0.01`. A bare name is a metric of the
 * version, `champion.<metric>` one of the version that holds the stage, `metrics["val/auc"]` any name that is none in
 * CEL; `has_champion` says whether a version holds the stage, `has(champion.auc)` whether a metric is there. `and`,
 * `or` and `not` mean `&&`, `||` and `!`.
 *
 * The gate answers why a version does not pass, null when it does. It passes where the expression is true. Without a
 * champion it also passes where only the champion's metrics leave the expression open: the first version into a stage
 * is held to the rest of it. A metric that is missing otherwise, and decides, lets nothing pass.
 *
 * INVALID_EXPRESSION with line, column and a caret.
 */
export const compileGate = (source: string): ((metrics: Metrics, champion: Metrics | null) => string | null) => {
  const named: Named = { own: new Set(), champion: new Set() };
  const resolve: Scope["resolve"] = (node, scope) => resolveName(node, scope, named);
  const scope: Scope = { source, fields: new Map(), used: new Set(), resolve };
  const node = parse(withoutWords(source), source);
  const { evaluate } = expect(compileNode(node, scope), "bool", node, scope);

  return (metrics, champion) => {
    const ofChampion = Object.entries(champion ?? {}).map(([name, value]) => [`${CHAMPION}${name}`, value]);
    const result = evaluate({ ...metrics, ...Object.fromEntries(ofChampion), has_champion: champion !== null }, 0);
    if (result === true) return null;
    if (result === false) return `the gate ${source} is false for ${shown(metrics, champion, named)}`;
    const missing = missingFrom(named.own, metrics);
    if (missing.length > 0) return `the gate ${source} needs the metric ${missing.join(", ")}, which the version lacks`;
    if (champion === null) return null;
    const lacking = missingFrom(named.champion, champion).join(", ");
    return `the gate ${source} needs the champion's metric ${lacking}, which the champion lacks`;
  };
};

const shown = (metrics: Metrics, champion: Metrics | null, named: Named): string => {
  const own = [...named.own].map((name) => `${name} = ${metrics[name] ?? "missing"}`);
  const theirs = [...named.champion].map((name) => `${CHAMPION}${name} = ${champion?.[name] ?? "missing"}`);
  return [...own, ...theirs].join(", ");
};
