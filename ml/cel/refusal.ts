import { MillraceError } from "../../schemas/errors.ts";

/** INVALID_EXPRESSION at an offset of the source: line and column from 1, and the line with a caret below the place. */
export const refusal = (source: string, offset: number, reason: string, cause?: unknown): MillraceError => {
  const before = source.slice(0, offset);
  const line = before.split("\n").length;
  const lineStart = before.lastIndexOf("\n") + 1;
  const lineEnd = source.indexOf("\n", offset);
  const text = source.slice(lineStart, lineEnd < 0 ? source.length : lineEnd);
  const column = offset - lineStart + 1;
  return new MillraceError(
    "INVALID_EXPRESSION",
    `${reason} (line ${line}, column ${column})\n${text}\n${" ".repeat(column - 1)}^`,
    { details: { source, line, column }, cause },
  );
};
