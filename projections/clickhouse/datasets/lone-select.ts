import { isSign, isWord, type Token, textOf, tokensOf } from "../../../infra/warehouse/sql/lexer.ts";
import { MillraceError } from "../../../schemas/errors.ts";

const refuse = (why: string): never => {
  throw new MillraceError("BAD_REQUEST", `query: ${why}`);
};

export type LoneSelect = {
  /** Without comments and without what ends it. */
  text: string;
  tokens: Token[];
};

/**
 * The query, if it can stand between brackets as one SELECT: no second statement, no bracket that closes what it did
 * not open (INTO OUTFILE and FORMAT could follow one), no settings of its own (what it may read is bound by
 * settings). BAD_REQUEST.
 */
export const loneSelect = (query: string): LoneSelect => {
  const all = tokensOf(query);
  const ends = isSign(all.at(-1), ";") ? 1 : 0;
  const tokens = all.slice(0, all.length - ends);
  const strange = tokens.find(({ kind }) => kind === "strange");
  if (strange !== undefined) {
    refuse(
      `${JSON.stringify(strange.text.slice(0, 20))} at character ${strange.at + 1} is not understood, or not closed`,
    );
  }
  if (tokens.some((token) => isSign(token, ";"))) refuse("expected one SELECT, without ; outside of texts");
  const first = tokens.find((token) => !isSign(token, "("));
  if (!isWord(first, "SELECT", "WITH", "FROM")) refuse("expected a SELECT");
  if (tokens.some((token) => isWord(token, "SETTINGS"))) {
    refuse("SETTINGS may not be set; quote a column of that name");
  }
  checkBrackets(tokens);
  return { text: textOf(query, tokens), tokens };
};

const closing: Readonly<Record<string, string>> = { "(": ")", "[": "]", "{": "}" };

const checkBrackets = (tokens: readonly Token[]): void => {
  const open: string[] = [];
  for (const token of tokens) {
    if (isSign(token, "(", "[", "{")) open.push(closing[token.text]);
    else if (isSign(token, ")", "]", "}") && open.pop() !== token.text) refuse("brackets do not pair");
  }
  if (open.length > 0) refuse("brackets do not pair");
};
