import { MillraceError } from "../../../schemas/errors.ts";

/**
 * `name`: an identifier as it stands, with a quoted key behind its dot taken out of its quotes. `quoted`: in double
 * quotes or backticks, so a name or (double quotes) a text. `at` counts characters from 1.
 */
export type Token = {
  kind: "name" | "backticks" | "doubleQuotes" | "text" | "number" | "symbol" | "end";
  text: string;
  at: number;
};

const nameStart = /[\p{L}_]/u;
const namePart = /[\p{L}\p{N}_./-]/u;
const numberForm = /[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?/y;
const symbols = ["!=", ">=", "<=", "=", ">", "<", "(", ")", ","];
const quotes: Readonly<Record<string, Token["kind"]>> = { "'": "text", '"': "doubleQuotes", "`": "backticks" };

export const malformed = (what: string, at: number, message: string): MillraceError =>
  new MillraceError("BAD_REQUEST", `${what}: ${message} at character ${at}`);

/** The words of a filter or an order. BAD_REQUEST where there is none; `what` names the parameter. */
export const tokensOf = (source: string, what: string): Token[] => {
  const tokens: Token[] = [];
  let at = 0;

  /** What is between quotes; a quote that is doubled stands for itself. */
  const quoted = (): string => {
    const quote = source[at];
    const start = at++;
    let text = "";
    for (; at < source.length; at++) {
      if (source[at] !== quote) text += source[at];
      else if (source[at + 1] === quote) text += source[at++];
      else {
        at++;
        return text;
      }
    }
    throw malformed(what, start + 1, `the ${quote} is not closed`);
  };
  const name = (): string => {
    const start = at;
    while (at < source.length && namePart.test(source[at])) at++;
    const text = source.slice(start, at);
    return text.endsWith(".") && (source[at] === '"' || source[at] === "`") ? text + quoted() : text;
  };

  while (at < source.length) {
    const start = at;
    const char = source[at];
    const add = (kind: Token["kind"], text: string): void => void tokens.push({ kind, text, at: start + 1 });
    if (/\s/.test(char)) {
      at++;
      continue;
    }
    if (char in quotes) {
      add(quotes[char], quoted());
      continue;
    }
    if (nameStart.test(char)) {
      add("name", name());
      continue;
    }
    numberForm.lastIndex = at;
    const number = numberForm.exec(source)?.[0];
    if (number !== undefined) {
      at += number.length;
      add("number", number);
      continue;
    }
    const symbol = symbols.find((each) => source.startsWith(each, at));
    if (symbol === undefined) throw malformed(what, start + 1, `"${char}" has no meaning`);
    at += symbol.length;
    add("symbol", symbol);
  }
  tokens.push({ kind: "end", text: "", at: source.length + 1 });
  return tokens;
};
