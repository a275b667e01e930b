import { isSign, isWord, type Token, tokensOf } from "./lexer.ts";

/** What must be known of a statement to run it. */
export type Outline = {
  tokens: Token[];
  /** The statement without what ends it. */
  text: string;
  /** Whether another statement follows the first. */
  isSeveral: boolean;
  /** Whether it answers rows, and so may be told where to write them. */
  answersRows: boolean;
  /** Where `INTO OUTFILE` may stand: before FORMAT, or at the end. */
  outputAt: number;
  /** The format that the statement names itself, or null. */
  format: string | null;
};

const answering = ["SELECT", "WITH", "FROM", "SHOW", "DESC", "DESCRIBE", "EXPLAIN", "EXISTS", "VALUES", "CHECK"];

/** Reads a statement as far as its first word, its end and its format. */
export const outlineOf = (sql: string): Outline => {
  const all = tokensOf(sql);
  const ends = all.findIndex((token) => isSign(token, ";"));
  const tokens = ends < 0 ? all : all.slice(0, ends);
  const rest = ends < 0 ? [] : all.slice(ends);
  const first = tokens.find((token) => !isSign(token, "("));
  const end = tokens.at(-1)?.end ?? 0;
  const at = formatAt(tokens);
  return {
    tokens,
    text: sql.slice(0, end),
    isSeveral: rest.some((token) => !isSign(token, ";")),
    answersRows: isWord(first, ...answering),
    outputAt: at < 0 ? end : tokens[at].at,
    format: at < 0 ? null : tokens[at + 1].text,
  };
};

/** `FORMAT name` ends a statement; SETTINGS may follow it. -1 without it. */
const formatAt = (tokens: readonly Token[]): number => {
  let depth = 0;
  for (let at = tokens.length - 1; at > 0; at--) {
    const token = tokens[at];
    if (isSign(token, ")", "]", "}")) depth++;
    else if (isSign(token, "(", "[", "{")) depth--;
    else if (depth === 0 && isWord(token, "FORMAT") && tokens[at + 1]?.kind === "word") {
      const next = tokens[at + 2];
      return next === undefined || isWord(next, "SETTINGS") ? at : -1;
    }
  }
  return -1;
};
