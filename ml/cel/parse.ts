import { type ASTNode, Environment } from "@marcbachmann/cel-js";
import { refusal } from "./refusal.ts";

const environment = new Environment();

/** The syntax tree. INVALID_EXPRESSION, quoting `shown`, which has the same positions. */
export const parse = (source: string, shown = source): ASTNode => {
  try {
    return environment.parse(source).ast;
  } catch (cause) {
    const error = cause as { summary?: string; message: string; range?: { start: number } };
    const reason = error.summary ?? error.message;
    throw refusal(shown, error.range?.start ?? 0, `The expression does not parse: ${reason}.`, cause);
  }
};
