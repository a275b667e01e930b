import { MillraceError } from "../../../schemas/errors.ts";

const refuse = (why: string): never => {
  throw new MillraceError("BAD_REQUEST", `query: ${why}`);
};

/** Quoted texts and names with their escapes, and comments: nothing in them is SQL. */
const opaque =
  /'(?:[^'\\]|\\[\s\S]|'')*'|"(?:[^"\\]|\\[\s\S]|"")*"|`(?:[^`\\]|\\[\s\S]|``)*`|--[^\n]*|\/\*[\s\S]*?\*\//g;

/**
 * The query, if it can stand between brackets as one SELECT: no second statement, no bracket that closes what it did
 * not open (INTO OUTFILE and FORMAT could follow one), no settings of its own (what it may read is bound by
 * settings). BAD_REQUEST.
 */
export const loneSelect = (query: string): string => {
  const text = query.trim().replace(/;$/, "");
  const sql = text.replace(opaque, " ");
  if (/['"`]|\/\*/.test(sql)) refuse("a quoted text or a comment is not closed");
  if (/[;$#\u2018\u2019\u201C\u201D]|\/\//.test(sql))
    refuse("expected one SELECT, without ; $ # // and curly quotes outside of texts");
  if (!/^[\s(]*(SELECT|WITH|FROM)\b/i.test(sql)) refuse("expected a SELECT");
  if (/\bSETTINGS\b/i.test(sql)) refuse("SETTINGS may not be set; quote a column of that name");
  let depth = 0;
  for (const character of sql) {
    if (character === "(") depth++;
    else if (character === ")") depth--;
    if (depth < 0) break;
  }
  if (depth !== 0) refuse("brackets do not pair");
  return text;
};
