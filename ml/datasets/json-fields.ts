/** A field of an object and the JSON text of its value as it was written, without blanks between its parts. */
export type JsonField = { key: string; raw: string };

/** What is not JSON, in the field `column` if it is within one. */
export class JsonFieldError extends Error {
  readonly column: string | null;
  constructor(message: string, column: string | null) {
    super(message);
    this.column = column;
  }
}

/** `JsonFieldError` where the text of an object is no JSON. */
export const checkJson = (text: string): void => {
  try {
    JSON.parse(text);
  } catch (error) {
    throw new JsonFieldError((error as Error).message, firstWrong(text));
  }
};

/**
 * The fields of an object's text that is known to be JSON. A JavaScript number would keep neither the digits of a large
 * integer nor the difference of 1 and 1.0, so values are given as they are written. Of fields of one name the last
 * counts, as in most parsers: all are given.
 */
export const jsonFields = (text: string): JsonField[] => {
  const fields: JsonField[] = [];
  let at = text.indexOf("{") + 1;
  for (;;) {
    const begin = text.indexOf('"', at);
    if (begin < 0) return fields;
    const end = endOfText(text, begin);
    const colon = text.indexOf(":", end);
    if (colon < 0) return fields;
    const stop = endOfValue(text, colon + 1);
    fields.push({ key: keyOf(text, begin, end), raw: compact(text.slice(colon + 1, stop)) });
    at = stop;
  }
};

/** The text of a JSON string. `JsonFieldError` where it holds half of a UTF-16 pair, which no UTF-8 can hold. */
export const jsonText = ({ key, raw }: JsonField): string => {
  if (!raw.includes("\\")) return raw.slice(1, -1);
  const text = JSON.parse(raw) as string;
  if (!text.isWellFormed()) throw new JsonFieldError("half of a UTF-16 pair stands alone", key);
  return text;
};

const firstWrong = (text: string): string | null => {
  for (const { key, raw } of jsonFields(text)) {
    try {
      JSON.parse(raw);
    } catch {
      return key;
    }
  }
  return null;
};

const keyOf = (text: string, begin: number, end: number): string => {
  const inner = text.slice(begin + 1, end - 1);
  if (!inner.includes("\\")) return inner;
  try {
    return JSON.parse(text.slice(begin, end)) as string;
  } catch {
    return inner;
  }
};

const [QUOTE, BACKSLASH, COMMA, OPEN, CLOSE, OPEN_LIST, CLOSE_LIST] = ['"', "\\", ",", "{", "}", "[", "]"].map((text) =>
  text.charCodeAt(0),
);

/** Behind the closing quote; the end of what is no JSON. */
const endOfText = (text: string, begin: number): number => {
  for (let i = begin + 1; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === BACKSLASH) i++;
    else if (code === QUOTE) return i + 1;
  }
  return text.length;
};

const endOfValue = (text: string, begin: number): number => {
  let depth = 0;
  for (let i = begin; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) i = endOfText(text, i) - 1;
    else if (code === OPEN || code === OPEN_LIST) depth++;
    else if (code === COMMA && depth === 0) return i;
    else if ((code === CLOSE || code === CLOSE_LIST) && depth-- === 0) return i;
  }
  return text.length;
};

const compact = (raw: string): string =>
  /\s/.test(raw) ? raw.replace(/("(?:[^"\\]|\\.)*")|\s+/g, (_, text: string | undefined) => text ?? "") : raw;
