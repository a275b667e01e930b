/**
 * A token of ClickHouse's SQL. `word` is a bare name or keyword, `name` a quoted one (its text without the quotes),
 * `string` and `number` are literals, `sign` is one operator or bracket, and `strange` is whatever ClickHouse might
 * read in a way of its own: heredocs, curly quotes, `#`, `//`, control characters, quotes that never close.
 */
export type Token = {
  kind: "word" | "name" | "string" | "number" | "sign" | "strange";
  text: string;
  /** Its place in the statement, quotes included. */
  at: number;
  end: number;
};

const space = /[ \t\n\r\f\v]+/y;
const lineComment = /--[^\n]*/y;
const word = /[A-Za-z_][A-Za-z0-9_]*/y;
const number = /0[xX][0-9a-fA-F]+|0[bB][01]+|[0-9][0-9_]*(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?/y;
const sign = /::|->|<=>|<=|>=|<>|!=|==|\|\||[()[\]{},.;:=<>+\-*/%?]/y;
/** After a word or a number: a name that may hold `$`, or a number that some readers take for a name. */
const goesOn = /[A-Za-z_$]/;

/** The tokens of a statement, without spaces and comments. Takes time linear in the text's length. */
export const tokensOf = (sql: string): Token[] => {
  const tokens: Token[] = [];
  let at = 0;
  const matched = (pattern: RegExp): number => {
    pattern.lastIndex = at;
    return pattern.test(sql) ? pattern.lastIndex : at;
  };
  const add = (kind: Token["kind"], end: number, text = sql.slice(at, end)): void => {
    tokens.push({ kind, text, at, end });
    at = end;
  };
  while (at < sql.length) {
    const gap = gapEnd(sql, at, matched);
    if (gap > at) {
      at = gap;
      continue;
    }
    if (sql.startsWith("/*", at)) {
      add("strange", sql.length);
      continue;
    }
    const quote = sql[at];
    if (quote === "'" || quote === '"' || quote === "`") {
      const end = quoteEnd(sql, at);
      if (end < 0) add("strange", sql.length);
      else if (quote === "'") add("string", end);
      else add("name", end, sql.slice(at + 1, end - 1));
      continue;
    }
    let end = matched(word);
    if (end > at) {
      add(sql[end] === "$" ? "strange" : "word", end);
      continue;
    }
    end = matched(number);
    if (end > at) {
      add(goesOn.test(sql[end] ?? "") ? "strange" : "number", end);
      continue;
    }
    end = sql.startsWith("//", at) ? at : matched(sign);
    if (end > at) add("sign", end);
    else add("strange", at + 1);
  }
  return tokens;
};

/** Where spaces and one comment end. A comment that never closes is none. */
const gapEnd = (sql: string, at: number, matched: (pattern: RegExp) => number): number => {
  if (sql.startsWith("/*", at)) {
    const close = sql.indexOf("*/", at + 2);
    return close < 0 ? at : close + 2;
  }
  return sql.startsWith("--", at) ? matched(lineComment) : matched(space);
};

/** Behind the closing quote, or -1. A quote is escaped by a backslash or by being there twice. */
const quoteEnd = (sql: string, from: number): number => {
  const quote = sql[from];
  for (let at = from + 1; at < sql.length; at++) {
    const character = sql[at];
    if (character === "\\") at++;
    else if (character === quote) {
      if (sql[at + 1] !== quote) return at + 1;
      at++;
    }
  }
  return -1;
};

export const isWord = (token: Token | undefined, ...words: readonly string[]): boolean =>
  token?.kind === "word" && words.includes(token.text.toUpperCase());

export const isSign = (token: Token | undefined, ...signs: readonly string[]): boolean =>
  token?.kind === "sign" && signs.includes(token.text);

/** A bare or a quoted name. */
export const isName = (token: Token | undefined): token is Token => token?.kind === "word" || token?.kind === "name";

/** The tokens as they were written, without comments, one space where anything was between them. */
export const textOf = (sql: string, tokens: readonly Token[]): string => {
  const parts: string[] = [];
  for (const [i, { at, end }] of tokens.entries()) {
    if (i > 0 && tokens[i - 1].end < at) parts.push(" ");
    parts.push(sql.slice(at, end));
  }
  return parts.join("");
};
