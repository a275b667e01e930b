import { invalid } from "./refusal.ts";
import { rowColumn } from "./sql.ts";

/** Each column is several aggregates of the profile and files of the table. */
const MAX_COLUMNS = 1_000;
const MAX_NAME = 500;

/** INVALID_DATASET for names that no table can have, naming the column. */
export const checkNames = (names: readonly string[], place: string): void => {
  if (names.length > MAX_COLUMNS)
    throw invalid(`${place}: ${names.length} columns, at most ${MAX_COLUMNS} are allowed`);
  const seen = new Set<string>();
  for (const [i, name] of names.entries()) {
    const column = `${place}, column ${i + 1}`;
    if (name === "") throw invalid(`${column} has no name`, { column: i + 1 });
    if (name.length > MAX_NAME) throw invalid(`${column}: the name is longer than ${MAX_NAME} characters`);
    if (name === rowColumn) throw invalid(`${column}: "${rowColumn}" is the platform's own; give it another name`);
    if (seen.has(name)) throw invalid(`${column}: "${name}" is there twice`, { column: name });
    seen.add(name);
  }
  for (const name of names) {
    const whole = /^(.+)\.(?:size|null)$/s.exec(name)?.[1];
    if (whole === undefined || !seen.has(whole)) continue;
    const message = `${place}: "${name}" is a part of column "${whole}" to the warehouse; give it another name`;
    throw invalid(message, { column: name });
  }
};
