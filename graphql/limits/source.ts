import { MillraceError } from "../../schemas/errors.ts";

/** Characters of a document. */
export const MAX_SOURCE = 100_000;
/** Brackets in each other, of selections and of values: parsing and validation call themselves once for each. */
export const MAX_NESTING = 64;
/** Bounds what a document can hold before anything else looks at it. */
export const MAX_TOKENS = 10_000;

const endOfString = (text: string, start: number): number => {
  const isBlock = text.startsWith('"""', start);
  for (let i = start + (isBlock ? 3 : 1); i < text.length; i++) {
    if (isBlock) {
      if (text.startsWith('\\"""', i)) i += 3;
      else if (text.startsWith('"""', i)) return i + 2;
    } else if (text[i] === "\\") i++;
    else if (text[i] === '"' || text[i] === "\n" || text[i] === "\r") return i;
  }
  return text.length;
};

const endOfLine = (text: string, start: number): number => {
  for (let i = start; i < text.length; i++) if (text[i] === "\n" || text[i] === "\r") return i;
  return text.length;
};

/** BAD_REQUEST or QUERY_TOO_DEEP for a text that is not even parsed. */
export const checkSource = (text: string): void => {
  if (text.length > MAX_SOURCE) {
    throw new MillraceError("BAD_REQUEST", `query: ${text.length} characters, at most ${MAX_SOURCE} are taken`, {
      details: { limit: MAX_SOURCE },
    });
  }
  let nesting = 0;
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (char === '"') i = endOfString(text, i);
    else if (char === "#") i = endOfLine(text, i);
    else if (char === "{" || char === "[" || char === "(") nesting++;
    else if (char === "}" || char === "]" || char === ")") nesting--;
    if (nesting > MAX_NESTING) {
      throw new MillraceError("QUERY_TOO_DEEP", `the query nests more than ${MAX_NESTING} brackets: split it`, {
        details: { limit: MAX_NESTING },
      });
    }
  }
};
