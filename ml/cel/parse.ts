import { type ASTNode, Environment } from "@marcbachmann/cel-js";
import { refusal } from "./refusal.ts";

/** Its parser bounds depth, nodes and lists. */
const environment = new Environment();

/** Commands allow 2,000; documents of earlier releases are no longer either. */
const MOST_SOURCE = 10_000;

/** The syntax tree. INVALID_EXPRESSION, quoting `shown`, which has the same positions. */
export const parse = (source: string, shown = source): ASTNode => {
  if (source.length > MOST_SOURCE) {
    throw refusal(shown.slice(0, 80), 0, `The expression has ${source.length} characters, at most ${MOST_SOURCE}`);
  }
  try {
    return environment.parse(source).ast;
  } catch (cause) {
    const error = cause as { summary?: string; message: string; range?: { start: number } };
    const reason = error.summary ?? error.message;
    throw refusal(shown, error.range?.start ?? 0, `The expression does not parse: ${reason}.`, cause);
  }
};
